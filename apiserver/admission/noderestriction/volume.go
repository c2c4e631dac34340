package noderestriction

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// localNode is the annotation of a volume on a node's own disk that names the node.
const localNode = "coxswain.io/local-path-node"

// localVolume: a node says of the volumes on its own disk why they are as they are, in status.reason, and nothing else.
func localVolume(name string, a *admission.Attributes) error {
	if !a.Is(volumes, "status", admission.Update) {
		return fmt.Errorf("unexpected operation %q, node %q can only update the status of persistentvolumes", a.Operation, name)
	}
	obj, ok := a.Object.(*corev1.PersistentVolume)
	old, hasOld := a.Old.(*corev1.PersistentVolume)
	if !ok || !hasOld {
		return fmt.Errorf("unexpected type %T", a.Object)
	}
	if old.Annotations[localNode] != name {
		return fmt.Errorf("node %q can only update the status of persistentvolumes on its own disk", name)
	}
	before, after := old.DeepCopy(), obj.DeepCopy()
	for _, v := range []*corev1.PersistentVolume{before, after} {
		v.ResourceVersion, v.ManagedFields, v.Status.Reason = "", nil, ""
	}
	if !equality.Semantic.DeepEqual(before, after) {
		return fmt.Errorf("node %q is not allowed to update fields other than status.reason", name)
	}
	return nil
}
