package workload

import "testing"

func TestDefinitions(t *testing.T) {
	all, err := All()
	if err != nil || len(all) < 11 {
		t.Fatalf("%d workloads: %v", len(all), err)
	}
	names := map[string]bool{}
	for _, w := range all {
		if names[w.Name] || w.Name == "" || w.Nodes == 0 || w.Measured.Count == 0 || w.Threshold == 0 {
			t.Errorf("%q is incomplete or twice there", w.Name)
		}
		names[w.Name] = true
		pod := w.Measured.Pod("a")
		if len(pod.Spec.Containers) != 1 || pod.Spec.Containers[0].Resources.Requests.Cpu().IsZero() || *pod.Spec.TerminationGracePeriodSeconds != 0 {
			t.Errorf("%s: a pod without a container that requests something, or that does not end at once", w.Name)
		}
		for _, pods := range append(w.Before, w.Measured) {
			if pods.Driver != w.Driver || (pods.Driver != "") != (len(pods.Pod("a").Spec.Volumes) != 0) || (w.Driver != "") != (w.VolumeLimit != 0) {
				t.Errorf("%s: volumes of a driver that its nodes have not", w.Name)
			}
		}
		if small := w.Divided(100); small.Nodes >= w.Nodes || small.Measured.Count >= w.Measured.Count {
			t.Errorf("%s is not smaller when divided", w.Name)
		}
	}
}
