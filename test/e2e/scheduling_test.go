package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// sleeper is a pod that does nothing; more of its spec is appended.
const sleeper = `
---
apiVersion: v1
kind: Pod
metadata: {name: %s, labels: {app: sleeper}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: docker.io/coxswain/toolbox:v1
    resources: {requests: {cpu: 10m}}
`

// sleeps creates a pod; the lines are more of its spec.
func (s *space) sleeps(name string, lines ...string) {
	s.Helper()
	manifest := fmt.Sprintf(sleeper, name)
	for _, line := range lines {
		manifest += "  " + line + "\n"
	}
	s.apply(manifest)
}

// pending waits until the scheduler has said why a pod fits nowhere.
func (s *space) pending(pod, why string) {
	s.Helper()
	s.event(pod, "Warning", "FailedScheduling", why)
	condition := func(path string) string { return `.status.conditions[?(@.type=="PodScheduled")].` + path }
	s.becomes("pod/"+pod, condition("status"), "False")
	s.same("the reason", s.get("pod/"+pod, condition("reason")), "Unschedulable")
	s.says("the message", s.get("pod/"+pod, condition("message")), why)
	s.same("the phase", s.get("pod/"+pod, ".status.phase"), "Pending")
	s.same("the node", s.get("pod/"+pod, ".spec.nodeName"), "")
}

// node returns the name of the machine's node, which is ready.
func (s *space) node() string {
	s.Helper()
	s.becomes("node/"+s.cluster.Machine.Name, `.status.conditions[?(@.type=="Ready")].status`, "True")
	return s.cluster.Machine.Name
}

func TestResources(t *testing.T) {
	s := newSpace(t)
	cpus := s.get("node/"+s.node(), ".status.allocatable.cpu")
	s.apply(strings.Replace(fmt.Sprintf(sleeper, "big"), "cpu: 10m", "cpu: "+cpus, 1))
	s.up("big")
	s.sleeps("small")
	s.pending("small", "0/1 nodes are available: 1 Insufficient cpu.")
	s.says("get pods", s.kubectl("get", "pods"), "Pending")
	s.kubectl("delete", "pod", "big")
	s.up("small")
	s.event("small", "Normal", "Scheduled", fmt.Sprintf("Successfully assigned %s/small to %s", s.name, s.node()))
	s.apply(strings.Replace(fmt.Sprintf(sleeper, "huge"), "cpu: 10m", "cpu: 1000, memory: 100Ti, example.com/thing: 1}, limits: {example.com/thing: 1", 1))
	s.pending("huge", "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient example.com/thing, 1 Insufficient memory.")
}

func TestSelectorsAndGates(t *testing.T) {
	s := newSpace(t)
	const why = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
	s.sleeps("selective", "nodeSelector: {disk: ssd}")
	s.sleeps("attracted", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: In, values: [ssd, nvme]}]}]}}}")
	s.sleeps("repelled", "affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: kubernetes.io/os, operator: DoesNotExist}]}]}}}")
	for _, pod := range []string{"selective", "attracted", "repelled"} {
		s.pending(pod, why)
	}
	s.kubectl("label", "node", s.node(), "disk=ssd")
	t.Cleanup(func() { s.must(s.try("label", "node", s.node(), "disk-")) })
	s.up("selective", "attracted")
	s.same("where the repelled pod is", s.get("pod/repelled", ".spec.nodeName"), "")

	s.sleeps("gated", "schedulingGates: [{name: example.com/first}, {name: example.com/second}]")
	s.becomes("pod/gated", `.status.conditions[?(@.type=="PodScheduled")].reason`, "SchedulingGated")
	s.says("get pods", s.kubectl("get", "pod", "gated"), "SchedulingGated")
	s.kubectl("patch", "pod", "gated", "--type=json", "-p", `[{"op": "remove", "path": "/spec/schedulingGates/0"}]`)
	s.same("the pod with a gate left", s.get("pod/gated", ".spec.nodeName"), "")
	s.kubectl("patch", "pod", "gated", "--type=json", "-p", `[{"op": "remove", "path": "/spec/schedulingGates"}]`)
	s.up("gated")
}

func TestHostPorts(t *testing.T) {
	s := newSpace(t)
	port := "  ports: [{containerPort: 80, hostPort: 18080%s}]"
	s.sleeps("first", fmt.Sprintf(port, ""))
	s.up("first")
	s.sleeps("second", fmt.Sprintf(port, ""))
	s.pending("second", "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.")
	s.sleeps("datagrams", fmt.Sprintf(port, ", protocol: UDP"))
	s.up("datagrams")
	s.kubectl("delete", "pod", "first")
	s.up("second")
}

func TestTaintsAndCordon(t *testing.T) {
	s := newSpace(t)
	s.says("cordon", s.kubectl("cordon", s.node()), "cordoned")
	t.Cleanup(func() { s.must(s.try("uncordon", s.node())) })
	s.says("get node", s.kubectl("get", "node", s.node()), "Ready,SchedulingDisabled")
	s.sleeps("waiting")
	s.pending("waiting", "0/1 nodes are available: 1 node(s) were unschedulable.")
	s.sleeps("direct", "nodeName: "+s.node()) // the scheduler has no say
	s.up("direct")
	s.kubectl("uncordon", s.node())
	s.up("waiting")

	s.kubectl("taint", "node", s.node(), "color=red:NoSchedule")
	t.Cleanup(func() { _, _ = s.try("taint", "node", s.node(), "color-") })
	s.sleeps("plain")
	s.sleeps("tolerant", "tolerations: [{key: color, operator: Equal, value: red, effect: NoSchedule}]")
	s.up("tolerant")
	s.pending("plain", "0/1 nodes are available: 1 node(s) had untolerated taint(s).")
	s.same("who was there before", s.get("pod/waiting", ".status.phase"), "Running")
	s.kubectl("taint", "node", s.node(), "color-")
	s.up("plain")

	s.sleeps("steadfast", "tolerations: [{key: color, operator: Exists}]")
	s.sleeps("patient", "tolerations: [{key: color, operator: Exists, effect: NoExecute, tolerationSeconds: 3}]")
	s.up("steadfast", "patient")
	s.kubectl("taint", "node", s.node(), "color=blue:NoExecute")
	s.kubectl("wait", "pod/plain", "pod/tolerant", "--for=delete", "--timeout", patience.String())
	s.same("a pod that tolerates for a while", s.get("pod/patient", ".metadata.deletionTimestamp"), "")
	s.event("plain", "Normal", "TaintManagerEviction", "Marking for deletion Pod "+s.name+"/plain")
	s.kubectl("wait", "pod/patient", "--for=delete", "--timeout", patience.String())
	s.same("a pod that tolerates for ever", s.get("pod/steadfast", ".metadata.deletionTimestamp"), "")
}

// planks are nodes that no kubelet stands behind: enough for the scheduler to choose from.
const plank = `
---
apiVersion: v1
kind: Node
metadata: {name: %[1]s, labels: {shelf: plank, side: %[1]s}}
spec: {taints: [{key: plank, value: "true", effect: NoSchedule}]}
`

func TestPreferencesAndRoom(t *testing.T) {
	s := newSpace(t)
	for _, name := range []string{"left", "right"} {
		s.apply(fmt.Sprintf(plank, name))
		t.Cleanup(func() { s.must(s.try("delete", "node", name)) })
		s.kubectl("patch", "node", name, "--subresource=status", "-p",
			`{"status": {"allocatable": {"cpu": "4", "memory": "8Gi", "pods": "3"}, "capacity": {"cpu": "4", "memory": "8Gi", "pods": "3"},
			"conditions": [{"type": "Ready", "status": "True", "reason": "Plank", "lastHeartbeatTime": "2100-01-01T00:00:00Z", "lastTransitionTime": "2020-01-01T00:00:00Z"}]}}`)
	}
	t.Cleanup(func() { s.must(s.try("delete", "pods", "--all", "--force", "--grace-period=0")) })
	const on = "nodeSelector: {shelf: plank}"
	const tolerate = "tolerations: [{key: plank, operator: Exists}, {key: node.kubernetes.io/not-ready, operator: Exists}, {key: node.kubernetes.io/unreachable, operator: Exists}]"
	prefer := func(side string) string {
		return fmt.Sprintf("affinity: {nodeAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 50, preference: {matchExpressions: [{key: side, operator: In, values: [%s]}]}}]}}", side)
	}
	for _, each := range []struct{ pod, side string }{{"a", "left"}, {"b", "right"}, {"c", "left"}, {"d", "right"}} {
		s.sleeps(each.pod, on, tolerate, prefer(each.side))
		s.becomes("pod/"+each.pod, ".spec.nodeName", each.side)
	}
	s.sleeps("e", on, tolerate, prefer("left"))
	s.becomes("pod/e", ".spec.nodeName", "left")
	s.sleeps("f", on, tolerate, prefer("left")) // only a preference: the left one is full
	s.becomes("pod/f", ".spec.nodeName", "right")
	s.sleeps("g", on, tolerate)
	s.pending("g", "0/3 nodes are available: 1 node(s) didn't match Pod's node affinity/selector, 2 Too many pods.")
	s.kubectl("delete", "pod", "a", "--force", "--grace-period=0")
	s.becomes("pod/g", ".spec.nodeName", "left")
}
