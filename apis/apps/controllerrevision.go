package apps

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func controllerRevisions() *resource.Resource {
	return &resource.Resource{
		Group:      appsv1.GroupName,
		Name:       "controllerrevisions",
		Singular:   "controllerrevision",
		Kind:       "ControllerRevision",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[appsv1.ControllerRevision],
			NewList: resource.NewList[appsv1.ControllerRevisionList],
		}},
		Columns:                  resource.Columns("Name:name", "Controller", "Revision", "Age"),
		Cells:                    resource.Row(controllerRevisionCells),
		Validate:                 resource.Check(validateControllerRevision),
		ValidateUpdate:           resource.CheckUpdate(validateControllerRevisionUpdate),
		StoragePrefix:            "controllerrevisions",
		AllowUnconditionalUpdate: true,
	}
}
