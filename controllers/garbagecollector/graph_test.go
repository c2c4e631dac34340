package garbagecollector

import (
	"slices"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

func object(uid string, owners ...string) *node {
	n := &node{
		identity: identity{gvk: schema.GroupVersionKind{Version: "v1", Kind: "K"}, namespace: "ns", name: uid},
		uid:      types.UID(uid),
	}
	for _, owner := range owners {
		n.owners = append(n.owners, metav1.OwnerReference{APIVersion: "v1", Kind: "K", Name: owner, UID: types.UID(owner)})
	}
	return n
}

func TestDependentsOfDeletedOwnersAreLookedAt(t *testing.T) {
	g := newGraph()
	g.observe(object("owner"))
	if look := g.observe(object("child", "owner")); len(look) != 0 {
		t.Errorf("a child of a living owner is looked at: %v", look)
	}
	if look := g.remove("owner", object("owner").identity); !slices.Contains(look, "child") {
		t.Errorf("got %v, want the child", look)
	}
	if look := g.observe(object("late", "owner")); !slices.Contains(look, "late") {
		t.Errorf("a child that comes after its owner went is not looked at: %v", look)
	}
	if !g.isAbsent("owner", object("owner").identity) {
		t.Error("the owner's absence is forgotten")
	}
}

func TestOwnerElsewhereIsNoOwner(t *testing.T) {
	g := newGraph()
	g.observe(object("owner"))
	stray := object("stray", "owner")
	stray.namespace = "other"
	if look := g.observe(stray); !slices.Contains(look, "stray") {
		t.Error("a reference into another namespace is taken for good")
	}
}

func TestForegroundWakesBothSides(t *testing.T) {
	g := newGraph()
	g.observe(object("owner"))
	g.observe(object("child", "owner"))
	owner := object("owner")
	owner.deleting, owner.foreground = true, true
	if look := g.observe(owner); !slices.Contains(look, "owner") || !slices.Contains(look, "child") {
		t.Errorf("got %v, want owner and child", look)
	}
	if look := g.remove("child", object("child").identity); !slices.Contains(look, "owner") {
		t.Errorf("got %v, want the owner whose last child went", look)
	}
	if len(g.dependents) != 0 {
		t.Errorf("left over: %v", g.dependents)
	}
}

func TestAbsencesAreBounded(t *testing.T) {
	g := newGraph()
	for i := range 3 * maxAbsences {
		g.noteAbsent(types.UID(rune(i)), identity{})
	}
	if len(g.absent.known) != maxAbsences {
		t.Errorf("remembers %d absences, want %d", len(g.absent.known), maxAbsences)
	}
}
