package scheduler

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
)

func namespace(name string, labels map[string]string) *corev1.Namespace {
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
}

// namespaceHandler is what an informer tells of namespaces.
func (f *fixture) namespaceHandler() toolscache.ResourceEventHandler {
	f.Helper()
	for _, w := range f.others() {
		if _, ok := w.object.(*corev1.Namespace); ok {
			return w.handler
		}
	}
	f.Fatal("namespaces are not watched")
	return nil
}

func (f *fixture) waitsStill(why string) {
	f.Helper()
	over, cancel := context.WithCancel(f.Context())
	cancel()
	if next := f.queue.Pop(over); next != nil {
		f.Fatalf("%s is tried again: %s", next.GetPod().Name, why)
	}
}

// A pod with an affinity to pods of some namespaces is tried again when the labels of a namespace make it one of them.
func TestNamespaceChangesWake(t *testing.T) {
	f := newFixture(t)
	zoned := node("a")
	zoned.Labels = map[string]string{"zone": "z"}
	f.nodeAdded(zoned)
	plain := namespace("web", map[string]string{"team": "blue"})
	if err := f.Client.Create(t.Context(), plain); err != nil {
		t.Fatal(err)
	}
	server := pod("server", "1m")
	server.Namespace, server.Labels, server.Spec.NodeName = "web", map[string]string{"app": "server"}, "a"
	f.podChanged(t.Context(), nil, server)

	p := pod("p", "1m")
	p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
		TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{MatchLabels: server.Labels},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}},
	}}}}
	f.comes(p)
	f.same("not near", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 node(s) didn't match pod affinity rules. "+notHelpful)
	f.clock.Step(time.Minute)

	handler := f.namespaceHandler()
	handler.OnUpdate(plain, plain.DeepCopy())
	f.waitsStill("no label has changed")
	handler.OnAdd(namespace("other", nil), false)
	f.waitsStill("the selector does not select the new namespace")

	red := plain.DeepCopy()
	red.Labels = map[string]string{"team": "red"}
	if err := f.Client.Update(t.Context(), red); err != nil {
		t.Fatal(err)
	}
	handler.OnUpdate(plain, red)
	f.same("near", f.tries(), "Normal Scheduled Successfully assigned default/p to a")
}
