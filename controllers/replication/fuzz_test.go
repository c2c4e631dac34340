package replication

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		rs := &appsv1.ReplicaSet{}
		fill.Fill(rs)
		pods := fuzzing.List[corev1.Pod](fill, 6)
		set := Set{Owner: podcontrol.Owner{Object: rs}, Template: &rs.Spec.Template, MinReadySeconds: rs.Spec.MinReadySeconds, Status: rs.Status}
		status := statusOf(set, pods, nil, fuzzing.Now())
		if status.AvailableReplicas > status.ReadyReplicas || status.ReadyReplicas > status.Replicas {
			t.Errorf("status does not add up: %+v", status)
		}
		_ = Victims(pods, pods, len(pods)/2, fuzzing.Now())
		_ = nextAvailable(pods, set.MinReadySeconds, fuzzing.Now())
	})
}
