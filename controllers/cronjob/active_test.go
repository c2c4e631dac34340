package cronjob

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
)

// A CronJob with several running jobs wrote its status at each look: a cache lists them in any order, and each change of a job was in it.
func TestActiveJobsStayAsTheyAreListed(t *testing.T) {
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "t"}}
	running := func(minute int64, revision string) batchv1.Job {
		run := jobFor(cron, time.Unix(60*minute, 0))
		run.UID, run.ResourceVersion = types.UID(run.Name), revision
		return *run
	}
	jobs := []batchv1.Job{running(2, "1"), running(1, "2"), running(3, "3")}
	status := &batchv1.CronJobStatus{}
	c := &Controller{}
	c.review(cron, jobs[:2], status)
	first := slices.Clone(status.Active)
	if names := namesOf(first); !slices.Equal(names, []string{"t-1", "t-2"}) {
		t.Errorf("active are %v, want t-1 and t-2", names)
	}
	jobs[0].ResourceVersion, jobs[1].ResourceVersion = "4", "5"
	slices.Reverse(jobs[:2])
	c.review(cron, jobs[:2], status)
	if diff := cmp.Diff(first, status.Active); diff != "" {
		t.Errorf("nothing ended or began, -first +then:\n%s", diff)
	}
	c.review(cron, jobs[1:], status)
	if names := namesOf(status.Active); !slices.Equal(names, []string{"t-2", "t-3"}) {
		t.Errorf("active are %v, want t-2 and t-3", names)
	}
}

// A job that a user has made in the name of a cron job is none of its runs: it holds none up.
func TestJobsOfOthersAreNotActive(t *testing.T) {
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Name: "t"}}
	said := record.NewFakeRecorder(1)
	c := &Controller{Recorder: said}
	status := &batchv1.CronJobStatus{}
	c.review(cron, []batchv1.Job{{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "own", UID: "own"}}}, status)
	if len(status.Active) > 0 {
		t.Errorf("active are %v", namesOf(status.Active))
	}
	if got := <-said.Events; got != "Warning UnexpectedJob Saw a job that the controller did not create or forgot: own" {
		t.Error(got)
	}
}

func namesOf(refs []corev1.ObjectReference) (names []string) {
	for _, ref := range refs {
		names = append(names, ref.Name)
	}
	return names
}
