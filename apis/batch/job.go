package batch

import (
	batchv1 "k8s.io/api/batch/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func jobs() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      batchv1.GroupName,
		Name:       "jobs",
		Singular:   "job",
		Kind:       "Job",
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[batchv1.Job],
			NewList: resource.NewList[batchv1.JobList],
		}},
		StoragePrefix:            "jobs",
		AllowUnconditionalUpdate: true,
	}, func(j *batchv1.Job) (*batchv1.JobSpec, *batchv1.JobStatus) {
		return &j.Spec, &j.Status
	})
}
