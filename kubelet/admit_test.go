package kubelet

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/kubelet/node"
)

func podOf(t *testing.T, uid types.UID, spec string) *corev1.Pod {
	t.Helper()
	pod := &corev1.Pod{}
	pod.UID = uid
	if err := yaml.UnmarshalStrict([]byte(spec), &pod.Spec); err != nil {
		t.Fatal(err)
	}
	return pod
}

func TestAdmission(t *testing.T) {
	k := &Kubelet{admitted: map[types.UID]*corev1.Pod{}, AllowedUnsafeSysctls: []string{"net.core.*"}}
	if err := yaml.Unmarshal([]byte(`{cpu: "2", memory: 4Gi, pods: "3"}`), &k.machine.Capacity); err != nil {
		t.Fatal(err)
	}
	const there = `{containers: [{name: a, ports: [{hostPort: 80, protocol: TCP}], resources: {requests: {cpu: 1500m}}}]}`
	k.take(podOf(t, "there", there))
	cases := []struct{ why, spec, want string }{
		{"it fits", `{containers: [{name: a, resources: {requests: {cpu: 500m, memory: 4Gi}}}]}`, ""},
		{"too much CPU", `{containers: [{name: a, resources: {requests: {cpu: 501m}}}]}`, "OutOfcpu: Pod was rejected: Node didn't have enough resource: cpu, requested: 501, used: 1500, capacity: 2000"},
		{"too much memory", `{containers: [{name: a, resources: {requests: {memory: 5Gi}}}]}`, "OutOfmemory: Pod was rejected: Node didn't have enough resource: memory, requested: 5368709120, used: 0, capacity: 4294967296"},
		{"a port that is taken", `{containers: [{name: a, ports: [{hostPort: 80, protocol: TCP}]}]}`, "NodePorts: Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"},
		{"a safe sysctl", `{securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: "1"}]}, containers: [{name: a}]}`, ""},
		{"one that is allowed here", `{securityContext: {sysctls: [{name: net.core.somaxconn, value: "1"}]}, containers: [{name: a}]}`, ""},
		{"one that is not", `{securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}]}, containers: [{name: a}]}`, `SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowlisted`},
	}
	for _, c := range cases {
		r, got := k.tryAdmit(t.Context(), podOf(t, "new", c.spec)), ""
		if r != nil {
			got = r.reason + ": " + r.message
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
		k.release("new")
	}
}

func TestConfigure(t *testing.T) {
	k := &Kubelet{}
	k.Default()
	err := k.Configure([]byte("apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nmaxPods: 50\ncontainerLogMaxSize: 1Mi\nsystemReserved: {cpu: 500m}\nkubeReserved: {cpu: 250m}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var capacity corev1.ResourceList
	if err := yaml.Unmarshal([]byte(`{cpu: "2"}`), &capacity); err != nil {
		t.Fatal(err)
	}
	if a := node.Allocatable(capacity, k.Reserved); a.Cpu().MilliValue() != 1250 {
		t.Errorf("allocatable CPU is %v", a.Cpu())
	}
	if k.MaxPods != 50 || k.ContainerLogMaxSize != 1<<20 || k.ServerPort != 10250 {
		t.Errorf("configuration was not taken over: %d %d %d", k.MaxPods, k.ContainerLogMaxSize, k.ServerPort)
	}
	if err := k.Configure([]byte("kind: Other")); err == nil {
		t.Error("another kind was accepted")
	}
}
