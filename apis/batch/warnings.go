package batch

import (
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
)

func warnJob(j, old *batchv1.Job) []string {
	var warnings []string
	if old == nil {
		warnings = podspec.PodsNameWarning(j.Name)
	} else if old.Generation == j.Generation {
		return nil
	}
	return append(warnings, jobWarnings(&j.Spec, field.NewPath("spec"))...)
}

func warnCronJob(c, old *batchv1.CronJob) []string {
	var warnings []string
	if old == nil {
		warnings = podspec.PodsNameWarning(c.Name)
	} else if old.Generation == c.Generation {
		return nil
	}
	return append(warnings, jobWarnings(&c.Spec.JobTemplate.Spec, field.NewPath("spec", "jobTemplate", "spec"))...)
}

func jobWarnings(spec *batchv1.JobSpec, path *field.Path) []string {
	const manyCompletions, manyPods = 100_000, 10_000
	var warnings []string
	indexed := ptr.Deref(spec.CompletionMode, batchv1.NonIndexedCompletion) == batchv1.IndexedCompletion
	if indexed && ptr.Deref(spec.Completions, 0) > manyCompletions && ptr.Deref(spec.Parallelism, 0) > manyPods {
		warnings = append(warnings, path.String()+": In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "+
			"Kubernetes might not be able to track completedIndexes when a big number of indexes fail")
	}
	return append(warnings, podspec.TemplateWarnings(&spec.Template, path.Child("template"))...)
}
