package tainteviction

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

func TestPodsAreToldWhenTheLastTaintGoes(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "x", Effect: corev1.TaintEffectNoExecute}}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u"}, Spec: corev1.PodSpec{
		NodeName: "n", Tolerations: []corev1.Toleration{{Key: "x", Operator: corev1.TolerationOpExists, TolerationSeconds: ptr.To[int64](60)}},
	}}
	api := fake.NewClientBuilder().WithObjects(node, pod).
		WithIndex(pod, kit.NodeIndex, func(o client.Object) []string { return []string{o.(*corev1.Pod).Spec.NodeName} }).Build()
	recorder := record.NewFakeRecorder(10)
	c := &Controller{
		Client: api, Recorder: recorder, Clock: testclock.NewFakePassiveClock(time.Unix(1000, 0)), metrics: newMetrics(prometheus.NewRegistry()),
		started: map[string]map[types.UID]time.Time{},
	}
	for range 2 { // then without taints
		if _, err := c.Reconcile(t.Context(), node); err != nil {
			t.Fatal(err)
		}
		node.Spec.Taints = nil
	}
	select {
	case got := <-recorder.Events:
		if want := "Cancelling deletion of Pod default/p"; !strings.Contains(got, want) {
			t.Errorf("event %q, want %q", got, want)
		}
	default:
		t.Error("no event")
	}
}
