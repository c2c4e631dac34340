package batch

import (
	batchv1 "k8s.io/api/batch/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
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
			Default: resource.Defaulter(defaultCronJob),
		}},
		Columns:                  resource.Columns("Name:name", "Schedule", "Timezone", "Suspend:boolean", "Active:integer", "Last Schedule", "Age", "Containers:wide", "Images:wide", "Selector:wide"),
		Cells:                    resource.Row(cronJobCells),
		Validate:                 resource.Check(validateCronJob),
		ValidateUpdate:           resource.CheckUpdate(validateCronJobUpdate),
		Warnings:                 resource.Warn(warnCronJob),
		StoragePrefix:            "cronjobs",
		AllowUnconditionalUpdate: true,
	}, func(c *batchv1.CronJob) (*batchv1.CronJobSpec, *batchv1.CronJobStatus) {
		return &c.Spec, &c.Status
	})
}

func defaultCronJob(c *batchv1.CronJob) {
	if c.Spec.ConcurrencyPolicy == "" {
		c.Spec.ConcurrencyPolicy = batchv1.AllowConcurrent
	}
	resource.SetPtr(&c.Spec.Suspend, false)
	resource.SetPtr(&c.Spec.SuccessfulJobsHistoryLimit, 3)
	resource.SetPtr(&c.Spec.FailedJobsHistoryLimit, 1)
	podspec.DefaultTemplate(&c.Spec.JobTemplate.Spec.Template)
}
