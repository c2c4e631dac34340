package fieldmanager

import (
	"encoding/json"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// lastAppliedManager is the manager that the configuration in an annotation may speak for, which is of the whole object.
const lastAppliedManager = "kubectl"

// part is what an applied configuration can have an effect on: the metadata, the members that it names, and those that its manager
// has applied before, for what it leaves out now goes. Trees of structured-merge-diff are made of that alone; most of what an
// apply costs is those trees.
type part struct {
	object resource.Object // may be changed
	rest   runtime.Object  // the other members, nil for none
	named  map[string]bool
}

// partOf a live object. Where it cannot be told what the configuration has an effect on, that is all of it.
func partOf(version *resource.Version, kind schema.GroupVersionKind, live resource.Object, configuration map[string]any, manager string) part {
	named := map[string]bool{"metadata": true}
	for name := range configuration {
		if name != "apiVersion" && name != "kind" {
			named[name] = true
		}
	}
	if version != nil && live.GetUID() != "" && manager != lastAppliedManager && addApplied(named, live.GetManagedFields(), kind.GroupVersion().String(), manager) {
		object, rest := version.New(), version.New()
		p := part{object: object, named: named}
		if found, ok := codec.Divide(live, object, rest, p.has); ok && found == len(named) {
			p.object, p.rest = object.DeepCopyObject().(resource.Object), rest.DeepCopyObject()
			return p
		}
	}
	return part{object: live.DeepCopyObject().(resource.Object)}
}

// addApplied adds the members that the manager has applied before. It returns false where that is not known, or where nobody's
// fields are tracked yet or some are of another version, in which members may be others.
func addApplied(named map[string]bool, all []metav1.ManagedFieldsEntry, version, manager string) bool {
	for i := range all {
		if all[i].APIVersion != version {
			return false
		}
		if all[i].Manager != manager || all[i].Operation != metav1.ManagedFieldsOperationApply || all[i].FieldsV1 == nil {
			continue
		}
		var owned map[string]json.RawMessage
		if json.Unmarshal(all[i].FieldsV1.GetRawBytes(), &owned) != nil {
			return false
		}
		for element := range owned {
			name, isField := strings.CutPrefix(element, "f:")
			if !isField {
				return false
			}
			named[name] = true
		}
	}
	return len(all) > 0
}

func (p part) has(member string) bool { return p.named[member] }

// whole is a merged part with the other members put back. It has no defaults yet.
func (p part) whole(merged resource.Object) resource.Object {
	if p.rest != nil {
		codec.Join(merged, p.rest, p.has)
	}
	return merged
}
