package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func bindings() *resource.Resource {
	return &resource.Resource{
		Name:       "bindings",
		Singular:   "binding",
		Kind:       "Binding",
		Namespaced: true,
		Versions: []resource.Version{{
			Name: "v1",
			New:  resource.New[corev1.Binding],
		}},
		Verbs:   []string{"create"},
		Virtual: true,
	}
}
