package call

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// FitNamespace compares the namespace of the object with that of the path. What is not in a namespace loses the one it names: tools write one into
// everything that they send.
func (c *Call) FitNamespace(obj metav1.Object) error {
	if !c.At.Row.Namespaced {
		obj.SetNamespace("")
		return nil
	}
	switch obj.GetNamespace() {
	case "":
		obj.SetNamespace(c.Info.Namespace)
	case c.Info.Namespace:
	default:
		return apierrors.NewBadRequest("the namespace of the provided object does not match the namespace sent on the request")
	}
	return nil
}

// FitName compares the name and namespace of an object with those of the path.
func (c *Call) FitName(obj resource.Object) error {
	if err := c.FitNamespace(obj); err != nil {
		return err
	}
	switch obj.GetName() {
	case c.Info.Name:
		return nil
	case "":
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s based on URL) was undeterminable: name must be provided", c.Info.Name))
	}
	return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", obj.GetName(), c.Info.Name))
}
