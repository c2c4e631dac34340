package batch

import (
	"maps"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// The labels by which a job knew its pods before they were prefixed.
const (
	legacyControllerUID = "controller-uid"
	legacyJobName       = "job-name"
)

// labelJob gives a job without labels those of its template, as reading it back does.
func labelJob(j *batchv1.Job) {
	if len(j.Labels) == 0 {
		j.Labels = maps.Clone(j.Spec.Template.Labels)
	}
}

// prepareJob makes the job select its own pods, by a label that nobody else has, unless the user does it.
func prepareJob(j *batchv1.Job) {
	if ptr.Deref(j.Spec.ManualSelector, false) {
		return
	}
	labels := j.Spec.Template.Labels
	if labels == nil {
		labels = map[string]string{}
		j.Spec.Template.Labels = labels
	}
	for name, value := range map[string]string{
		batchv1.JobNameLabel:       j.Name,
		batchv1.ControllerUidLabel: string(j.UID),
		legacyJobName:              j.Name,
		legacyControllerUID:        string(j.UID),
	} {
		if _, taken := labels[name]; !taken {
			labels[name] = value
		}
	}
	if j.Spec.Selector == nil {
		j.Spec.Selector = &metav1.LabelSelector{}
	}
	if j.Spec.Selector.MatchLabels == nil {
		j.Spec.Selector.MatchLabels = map[string]string{}
	}
	if _, taken := j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel]; !taken {
		j.Spec.Selector.MatchLabels[batchv1.ControllerUidLabel] = string(j.UID)
	}
}
