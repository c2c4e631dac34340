package replication

import (
	"context"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/record"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// behind is a cache that shows no pod, and of which more is told as soon as it has been asked.
type behind struct {
	client.Client
	told    func()
	created int
}

func (b *behind) List(context.Context, client.ObjectList, ...client.ListOption) error {
	b.told()
	return nil
}

func (b *behind) Create(context.Context, client.Object, ...client.CreateOption) error {
	b.created++
	return nil
}

// A pod that the cache shows when the pods have been listed is not taken for one that came and went.
func TestCreatesNoPodAgainThatComesMeanwhile(t *testing.T) {
	made := running("p", "", func(p *corev1.Pod) { p.ResourceVersion = "10" })
	pending := podcontrol.NewPending()
	api := &behind{told: func() { pending.Observe(made) }}
	k := &Keeper{
		Pods:    podcontrol.Pods{Client: api, Recorder: record.NewFakeRecorder(10), Pending: pending},
		Claimer: podcontrol.Claimer{Client: api}, Clock: testingclock.NewFakePassiveClock(now),
	}
	rs := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "rs", UID: "rs"}}
	pending.Created(rs.UID, made)
	set := Set{Owner: podcontrol.Owner{Object: rs, Selector: labels.Everything()}, Replicas: 1, Template: &corev1.PodTemplateSpec{}}
	if _, wait, err := k.Keep(t.Context(), set); err != nil || wait == 0 {
		t.Errorf("looks again in %s: %v", wait, err)
	}
	if api.created > 0 {
		t.Error("made the pod again")
	}
}
