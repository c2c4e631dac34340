package dra

import (
	"time"

	resourcev1 "k8s.io/api/resource/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func deviceClasses() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:    resourcev1.GroupName,
		Name:     "deviceclasses",
		Singular: "deviceclass",
		Kind:     "DeviceClass",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[resourcev1.DeviceClass],
			NewList: resource.NewList[resourcev1.DeviceClassList],
		}},
		Columns:                  resource.Columns("Name:name", "Age"),
		Cells:                    resource.Row(deviceClassCells),
		ValidateName:             resource.NameOfAnyPrefix,
		Validate:                 resource.Check(validateDeviceClass),
		ValidateUpdate:           resource.CheckUpdate(validateDeviceClassUpdate),
		StoragePrefix:            "deviceclasses",
		AllowUnconditionalUpdate: true,
	}, func(d *resourcev1.DeviceClass) any { return &d.Spec })
}

func deviceClassCells(c *resourcev1.DeviceClass, now time.Time) []any {
	return []any{c.Name, resource.AgeOf(c, now)}
}
