package node

import (
	nodev1 "k8s.io/api/node/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func runtimeClasses() *resource.Resource {
	return &resource.Resource{
		Group:    nodev1.GroupName,
		Name:     "runtimeclasses",
		Singular: "runtimeclass",
		Kind:     "RuntimeClass",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[nodev1.RuntimeClass],
			NewList: resource.NewList[nodev1.RuntimeClassList],
		}},
		StoragePrefix:       "runtimeclasses",
		AllowCreateOnUpdate: true,
	}
}
