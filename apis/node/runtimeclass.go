package node

import (
	"time"

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
		Columns:             resource.Columns("Name:name", "Handler", "Age"),
		Cells:               resource.Row(runtimeClassCells),
		Validate:            resource.Check(validateRuntimeClass),
		AnyFinalizers:       true,
		ValidateUpdate:      resource.CheckUpdate(validateRuntimeClassUpdate),
		StoragePrefix:       "runtimeclasses",
		Governs:             true,
		AllowCreateOnUpdate: true,
	}
}

func runtimeClassCells(c *nodev1.RuntimeClass, now time.Time) []any {
	return []any{c.Name, c.Handler, resource.AgeOf(c, now)}
}
