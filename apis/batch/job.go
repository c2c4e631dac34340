package batch

import (
	"math"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
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
			Default: resource.Defaulter(defaultJob),
		}},
		PrepareCreate:            resource.OnCreate(prepareJob),
		Canonicalize:             func(obj resource.Object) { labelJob(obj.(*batchv1.Job)) },
		Columns:                  resource.Columns("Name:name", "Status", "Completions", "Duration", "Age", "Containers:wide", "Images:wide", "Selector:wide"),
		Cells:                    resource.Row(jobCells),
		FieldNames:               []string{"status.successful"},
		Fields:                   resource.Select(jobFields),
		UnknownField:             "field label %q not supported for Job",
		OrphanByDefault:          true,
		OrphanWarning:            "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
		Validate:                 resource.Check(validateJob),
		ValidateUpdate:           resource.CheckUpdate(validateJobUpdate),
		Warnings:                 resource.Warn(warnJob),
		StoragePrefix:            "jobs",
		AllowUnconditionalUpdate: true,
	}, func(j *batchv1.Job) (*batchv1.JobSpec, *batchv1.JobStatus) {
		return &j.Spec, &j.Status
	})
}

func defaultJob(j *batchv1.Job) {
	spec := &j.Spec
	if spec.Completions == nil && spec.Parallelism == nil {
		spec.Completions = ptr.To[int32](1)
	}
	resource.SetPtr(&spec.Parallelism, 1)
	if spec.BackoffLimitPerIndex != nil {
		resource.SetPtr(&spec.BackoffLimit, math.MaxInt32)
	}
	resource.SetPtr(&spec.BackoffLimit, 6)
	resource.SetPtr(&spec.CompletionMode, batchv1.NonIndexedCompletion)
	resource.SetPtr(&spec.Suspend, false)
	resource.SetPtr(&spec.ManualSelector, false)
	if len(j.Labels) == 0 {
		// One map for both: the labels that prepareJob adds to the template are the job's as well.
		j.Labels = spec.Template.Labels
	}
	if spec.PodFailurePolicy != nil {
		defaultFailurePolicy(spec.PodFailurePolicy)
		resource.SetPtr(&spec.PodReplacementPolicy, batchv1.Failed)
	}
	resource.SetPtr(&spec.PodReplacementPolicy, batchv1.TerminatingOrFailed)
	podspec.DefaultTemplate(&spec.Template)
}

func defaultFailurePolicy(policy *batchv1.PodFailurePolicy) {
	for i := range policy.Rules {
		for j := range policy.Rules[i].OnPodConditions {
			if pattern := &policy.Rules[i].OnPodConditions[j]; pattern.Status == "" {
				pattern.Status = corev1.ConditionTrue
			}
		}
	}
}

func jobFields(j *batchv1.Job) fields.Set {
	return fields.Set{"status.successful": strconv.Itoa(int(j.Status.Succeeded))}
}
