package garbagecollector

import (
	"slices"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
)

// identity is where an object is found.
type identity struct {
	gvk       schema.GroupVersionKind
	namespace string
	name      string
}

// node is an object that was observed. Nodes are replaced, never changed.
type node struct {
	identity
	uid        types.UID
	owners     []metav1.OwnerReference
	deleting   bool
	foreground bool // deletion waits for dependents
	orphan     bool // deletion lets go of dependents
}

// graph knows every observed object by UID, and for every UID that is named as an owner
// the objects that name it, whether the owner was observed or not.
//
// Example: pods p1 and p2 name replica set r as their owner. dependents[r] is {p1, p2}
// as soon as the pods are observed; nodes[r] appears when the replica set is, in either
// order. When r is deleted, nodes[r] goes and dependents[r] says whom to look at.
type graph struct {
	mu         sync.Mutex
	nodes      map[types.UID]*node
	dependents map[types.UID]map[types.UID]struct{}
	absent     absences
}

func newGraph() *graph {
	return &graph{
		nodes:      map[types.UID]*node{},
		dependents: map[types.UID]map[types.UID]struct{}{},
		absent:     absences{known: map[absence]struct{}{}},
	}
}

// observe records an object as it is now, and returns what must be looked at because of
// the change.
func (g *graph) observe(next *node) []types.UID {
	g.mu.Lock()
	defer g.mu.Unlock()
	previous := g.nodes[next.uid]
	g.nodes[next.uid] = next
	var before []metav1.OwnerReference
	if previous != nil {
		before = previous.owners
	}
	var look []types.UID
	for _, ref := range before {
		if !hasOwner(next.owners, ref.UID) {
			g.unlink(ref.UID, next.uid)
		}
		look = g.appendWaiting(look, ref.UID) // it may no longer be blocked by this one
	}
	for _, ref := range next.owners {
		if g.dependents[ref.UID] == nil {
			g.dependents[ref.UID] = map[types.UID]struct{}{}
		}
		g.dependents[ref.UID][next.uid] = struct{}{}
	}
	ownersChanged := previous == nil || !slices.EqualFunc(before, next.owners, sameRef)
	if len(next.owners) > 0 && ownersChanged && !g.allSolid(next) {
		look = append(look, next.uid)
	}
	startsForeground := next.deleting && next.foreground && (previous == nil || !previous.deleting || !previous.foreground)
	startsOrphan := next.deleting && next.orphan && (previous == nil || !previous.deleting || !previous.orphan)
	if startsForeground || startsOrphan {
		look = append(look, next.uid)
	}
	if startsForeground {
		look = g.appendDependents(look, next.uid)
	}
	return look
}

// remove forgets an object that is gone, and returns what must be looked at.
func (g *graph) remove(uid types.UID, id identity) []types.UID {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.absent.add(absence{uid, id.gvk.GroupKind(), id.namespace, id.name})
	var look []types.UID
	if gone := g.nodes[uid]; gone != nil {
		delete(g.nodes, uid)
		for _, ref := range gone.owners {
			g.unlink(ref.UID, uid)
			look = g.appendWaiting(look, ref.UID)
		}
	}
	return g.appendDependents(look, uid)
}

// get returns a node, or nil.
func (g *graph) get(uid types.UID) *node {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.nodes[uid]
}

// dependentsOf returns the observed objects that name uid as an owner.
func (g *graph) dependentsOf(uid types.UID) []*node {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out []*node
	for dependent := range g.dependents[uid] {
		if n := g.nodes[dependent]; n != nil {
			out = append(out, n)
		}
	}
	return out
}

// isAbsent says whether it is known that no object of that UID is there.
func (g *graph) isAbsent(uid types.UID, id identity) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, known := g.absent.known[absence{uid, id.gvk.GroupKind(), id.namespace, id.name}]
	return known
}

// forgetKind removes all nodes of a kind that is no longer served, and returns what must
// be looked at.
func (g *graph) forgetKind(gvk schema.GroupVersionKind) []types.UID {
	g.mu.Lock()
	var gone []*node
	for _, n := range g.nodes {
		if n.gvk == gvk {
			gone = append(gone, n)
		}
	}
	g.mu.Unlock()
	var look []types.UID
	for _, n := range gone {
		look = append(look, g.remove(n.uid, n.identity)...)
	}
	return look
}

func (g *graph) unlink(owner, dependent types.UID) {
	delete(g.dependents[owner], dependent)
	if len(g.dependents[owner]) == 0 {
		delete(g.dependents, owner)
	}
}

func (g *graph) appendDependents(look []types.UID, owner types.UID) []types.UID {
	for dependent := range g.dependents[owner] {
		look = append(look, dependent)
	}
	return look
}

// appendWaiting adds an owner that waits for its dependents to go.
func (g *graph) appendWaiting(look []types.UID, owner types.UID) []types.UID {
	if n := g.nodes[owner]; n != nil && n.deleting && n.foreground {
		return append(look, owner)
	}
	return look
}

// allSolid says whether every owner was observed where the reference says, and stays.
func (g *graph) allSolid(n *node) bool {
	for _, ref := range n.owners {
		owner := g.nodes[ref.UID]
		if owner == nil || !owner.matches(ref, n.namespace) || (owner.deleting && owner.foreground) {
			return false
		}
	}
	return true
}

// matches says whether a reference, found on an object in namespace, describes n.
func (n *node) matches(ref metav1.OwnerReference, namespace string) bool {
	group, err := schema.ParseGroupVersion(ref.APIVersion)
	return err == nil && group.Group == n.gvk.Group && ref.Kind == n.gvk.Kind && ref.Name == n.name &&
		(n.namespace == "" || n.namespace == namespace)
}

func hasOwner(refs []metav1.OwnerReference, uid types.UID) bool {
	return slices.ContainsFunc(refs, func(ref metav1.OwnerReference) bool { return ref.UID == uid })
}

func sameRef(a, b metav1.OwnerReference) bool {
	return a.UID == b.UID && a.Kind == b.Kind && a.Name == b.Name && a.APIVersion == b.APIVersion && blocks(a) == blocks(b)
}

func blocks(ref metav1.OwnerReference) bool {
	return ref.BlockOwnerDeletion != nil && *ref.BlockOwnerDeletion
}

// absences remembers the last few owners that were seen to be gone, so that a thousand
// dependents of one owner do not ask a thousand times. UIDs never come back.
type absences struct {
	known map[absence]struct{}
	order []absence
}

type absence struct {
	uid             types.UID
	kind            schema.GroupKind
	namespace, name string
}

const maxAbsences = 500

func (a *absences) add(key absence) {
	if _, known := a.known[key]; known {
		return
	}
	if len(a.order) >= maxAbsences {
		delete(a.known, a.order[0])
		a.order = a.order[1:]
	}
	a.known[key] = struct{}{}
	a.order = append(a.order, key)
}
