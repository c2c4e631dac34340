package batch

import (
	batchv1 "k8s.io/api/batch/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func cronJobs() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      batchv1.GroupName,
		Name:       "cronjobs",
		Singular:   "cronjob",
		Kind:       "CronJob",
		ShortNames: []string{"cj"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[batchv1.CronJob],
			NewList: resource.NewList[batchv1.CronJobList],
		}},
		StoragePrefix:            "cronjobs",
		AllowUnconditionalUpdate: true,
	}, func(c *batchv1.CronJob) (*batchv1.CronJobSpec, *batchv1.CronJobStatus) {
		return &c.Spec, &c.Status
	})
}
