package apiserver

import (
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// componentStatuses answers the deprecated listing of the parts of the control plane.
func (c dispatch) componentStatuses() error {
	status := &corev1.ComponentStatus{
		TypeMeta: metav1.TypeMeta{Kind: "ComponentStatus", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "etcd-0"},
		Conditions: []corev1.ComponentCondition{{Type: corev1.ComponentHealthy, Status: corev1.ConditionTrue, Message: "ok"}},
	}
	if err := c.Store.Healthy(c.Context()); err != nil {
		status.Conditions[0] = corev1.ComponentCondition{Type: corev1.ComponentHealthy, Status: corev1.ConditionFalse, Error: err.Error()}
	}
	switch {
	case c.Info.Verb == "list":
		return c.WriteList(http.StatusOK, []resource.Object{status}, metav1.ListMeta{})
	case c.Info.Verb == "get" && c.Info.Name == status.Name:
		return c.WriteStored(http.StatusOK, status)
	case c.Info.Verb == "get":
		return c.NotFound(c.Info.Name)
	}
	return refusal.Method()
}
