package garbagecollector

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

// An object that is taken out of a circle of owners is deleted as it is then: it was refused as what it had been before.
func TestCircleIsDeletedWithoutAConflict(t *testing.T) {
	made := func(name, owner string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "v1", Kind: "ConfigMap", Name: owner, UID: types.UID(owner), BlockOwnerDeletion: ptr.To(true)},
		}}}
	}
	a, b := made("a", "b"), made("b", "a")
	a.DeletionTimestamp, a.Finalizers = ptr.To(metav1.NewTime(time.Unix(1, 0))), []string{metav1.FinalizerDeleteDependents}
	api := fake.NewClientBuilder().WithObjects(a, b).Build()
	c := &Controller{Client: api, Live: api, graph: newGraph(), unresolved: map[types.UID]struct{}{}}
	for _, one := range []*corev1.ConfigMap{a, b} {
		c.graph.observe(nodeOf(corev1.SchemeGroupVersion.WithKind("ConfigMap"), one))
	}
	if err := c.collect(t.Context(), c.graph.get("b")); err != nil {
		t.Error(err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(b), b); !apierrors.IsNotFound(err) {
		t.Errorf("it is there: %v", err)
	}
}
