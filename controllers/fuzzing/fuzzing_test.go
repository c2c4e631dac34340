package fuzzing

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
)

// Among few objects some have a field, and others do not: also the fields of which there is a function that fills them.
func TestFieldsAreThereOrNot(t *testing.T) {
	seen := map[string][2]int{}
	note := func(field string, there bool) {
		counts := seen[field]
		if there {
			counts[1]++
		} else {
			counts[0]++
		}
		seen[field] = counts
	}
	Rounds(t, func(fill *Source) {
		job := &batchv1.Job{}
		fill.Fill(job)
		note("deletionTimestamp", job.DeletionTimestamp != nil)
		note("labels", job.Labels != nil)
		note("completions", job.Spec.Completions != nil)
		note("selector", job.Spec.Selector != nil)
		note("managedBy", job.Spec.ManagedBy != nil)
		note("podFailurePolicy", job.Spec.PodFailurePolicy != nil)
		note("containers", job.Spec.Template.Spec.Containers != nil)
		note("an end", len(job.Status.Conditions) > 0 && job.Status.Conditions[0].Type == batchv1.JobComplete)
	})
	for field, counts := range seen {
		if counts[0] < 10 || counts[1] < 10 {
			t.Errorf("%s: %d objects have none, %d have one", field, counts[0], counts[1])
		}
	}
}
