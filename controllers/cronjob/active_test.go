package cronjob

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A CronJob with several running jobs wrote its status at each look: a cache lists them in any order, and each change of a job was in it.
func TestActiveJobsStayAsTheyAreListed(t *testing.T) {
	running := func(name, revision string) batchv1.Job {
		return batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), ResourceVersion: revision}}
	}
	jobs := []batchv1.Job{running("b", "1"), running("a", "2"), running("c", "3")}
	status := &batchv1.CronJobStatus{}
	c := &Controller{}
	c.review(&batchv1.CronJob{}, jobs[:2], status)
	first := slices.Clone(status.Active)
	if names := namesOf(first); !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("active are %v, want a and b", names)
	}
	jobs[0].ResourceVersion, jobs[1].ResourceVersion = "4", "5"
	slices.Reverse(jobs[:2])
	c.review(&batchv1.CronJob{}, jobs[:2], status)
	if diff := cmp.Diff(first, status.Active); diff != "" {
		t.Errorf("nothing ended or began, -first +then:\n%s", diff)
	}
	c.review(&batchv1.CronJob{}, jobs[1:], status)
	if names := namesOf(status.Active); !slices.Equal(names, []string{"b", "c"}) {
		t.Errorf("active are %v, want b and c", names)
	}
}

func namesOf(refs []corev1.ObjectReference) (names []string) {
	for _, ref := range refs {
		names = append(names, ref.Name)
	}
	return names
}
