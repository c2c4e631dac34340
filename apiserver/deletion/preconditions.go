package deletion

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// Check refuses a deletion that is meant for another object than the one that is there, or for another state of it.
func (d Of) Check(obj resource.Object, p *metav1.Preconditions) error {
	if p == nil {
		return nil
	}
	if d.At.Hooks.Holds != nil {
		return d.checkHeld(obj, p)
	}
	of := schema.GroupResource{Group: d.At.Row.Group, Resource: d.At.Row.Kind}
	if p.UID != nil && *p.UID != obj.GetUID() {
		return refusal.Conflict(of, obj.GetName(), fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *p.UID, obj.GetUID()))
	}
	if p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion() {
		return refusal.Conflict(of, obj.GetName(), fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion, obj.GetResourceVersion()))
	}
	return nil
}

// checkHeld says it in the words of the store, as upstream does of what goes only after what is in it.
func (d Of) checkHeld(obj resource.Object, p *metav1.Preconditions) error {
	of := schema.GroupResource{Group: d.At.Row.Group, Resource: d.At.Row.Name}
	if p.UID != nil && *p.UID != obj.GetUID() {
		return refusal.Conflict(of, obj.GetName(), precondition{"UID", *p.UID, obj.GetUID()})
	}
	if p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion() {
		return refusal.Conflict(of, obj.GetName(), precondition{"ResourceVersion", *p.ResourceVersion, obj.GetResourceVersion()})
	}
	return nil
}

// precondition is one that does not hold.
type precondition struct {
	of            string
	wanted, found any
}

func (p precondition) Error() string {
	return fmt.Sprintf("Precondition failed: %s in precondition: %v, %s in object meta: %v", p.of, p.wanted, p.of, p.found)
}
