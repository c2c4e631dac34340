package interpodaffinity

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

func TestNamespaceMayHelp(t *testing.T) {
	team := func(namespace, name string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace, Labels: map[string]string{"team": name}}}
	}
	terms := []corev1.PodAffinityTerm{{
		TopologyKey: "zone", LabelSelector: &metav1.LabelSelector{},
		NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"team": "red"}},
	}}
	near := &corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}}
	away := &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{RequiredDuringSchedulingIgnoredDuringExecution: terms}}
	for name, c := range map[string]struct {
		affinity     *corev1.Affinity
		old, changed *corev1.Namespace
		want         fwk.QueueingHint
	}{
		"created and selected":       {near, nil, team("web", "red"), fwk.Queue},
		"created and not selected":   {near, nil, team("web", "blue"), fwk.QueueSkip},
		"selected now":               {near, team("web", "blue"), team("web", "red"), fwk.Queue},
		"selected no more":           {away, team("web", "red"), team("web", "blue"), fwk.Queue},
		"selected as before":         {away, team("web", "red"), team("web", "red"), fwk.QueueSkip},
		"never selected":             {away, team("web", "blue"), team("web", "green"), fwk.QueueSkip},
		"the pod's own":              {nil, team("own", "blue"), team("own", "green"), fwk.Queue},
		"the pod's own, unchanged":   {nil, team("own", "blue"), team("own", "blue"), fwk.QueueSkip},
		"another's without any term": {nil, team("web", "blue"), team("web", "red"), fwk.QueueSkip},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "own", Name: "p"}, Spec: corev1.PodSpec{Affinity: c.affinity}}
		var old any
		if c.old != nil {
			old = c.old
		}
		if got, err := namespaceMayHelp(klog.Background(), pod, old, c.changed); err != nil || got != c.want {
			t.Errorf("%s: %v (%v), want %v", name, got, err, c.want)
		}
	}
}
