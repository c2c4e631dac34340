package e2e

import (
	"fmt"
	"strings"
	"testing"
)

func contains(text, want string) error {
	if !strings.Contains(text, want) {
		return fmt.Errorf("no %q in:\n%s", want, text)
	}
	return nil
}

// TestNodes takes the node out of service and back, so it runs beside no other test.
func TestNodes(t *testing.T) {
	u := newUser(t)
	node := u.cluster.Machine.Name
	u.manifest("worker")
	u.apply("apiVersion: v1\nkind: Pod\nmetadata: {name: stores}\nspec:\n  terminationGracePeriodSeconds: 0\n  containers: [{name: main, image: " + toolbox +
		", volumeMounts: [{name: d, mountPath: /d}]}]\n  volumes: [{name: d, emptyDir: {}}]\n")
	u.up("worker", "stores")
	u.ready("deployment/web")
	t.Cleanup(func() { u.sees("uncordon", node) })

	u.same("cordon", u.sees("cordon", node), "node/"+node+" cordoned")
	u.same("cordon again", u.sees("cordon", node), "node/"+node+" already cordoned")
	u.says("a node out of service", u.sees("get", "node", node), "Ready,SchedulingDisabled")
	u.says("describe", u.sees("describe", "node", node), "Unschedulable:      true\n", "node.kubernetes.io/unschedulable:NoSchedule")
	u.sees("run", "waits", "--image="+toolbox)
	u.event("waits", "Warning", "FailedScheduling", "0/1 nodes are available: 1 node(s) were unschedulable.")
	u.same("uncordon", u.sees("uncordon", node), "node/"+node+" uncordoned")
	u.up("waits")

	u.same("taint", u.sees("taint", "node", node, "a=b:NoSchedule"), "node/"+node+" tainted")
	u.says("taint again", u.fails(1, "taint", "node", node, "a=b:NoSchedule"), "already has a taint(s) with same effect(s) and --overwrite is false")
	u.sees("run", "kept-out", "--image="+toolbox)
	u.event("kept-out", "Warning", "FailedScheduling", "0/1 nodes are available: 1 node(s) had untolerated taint(s).")
	u.same("untaint", u.sees("taint", "node", node, "a-"), "node/"+node+" untainted")
	u.up("kept-out")
	u.same("label", u.sees("label", "node", node, "disk=fast"), "node/"+node+" labeled")
	u.same("unlabel", u.sees("label", "node", node, "disk-"), "node/"+node+" unlabeled")

	u.sees("create", "poddisruptionbudget", "web", "--selector=app=web", "--min-available=1")
	u.becomes("pdb/web", ".status.observedGeneration", "1")
	u.says("what a drain must not take", u.fails(1, "drain", node), "--delete-emptydir-data to override): "+u.name+"/stores", "cannot delete Pods that declare no controller (use --force to override): ")
	said := u.fails(1, "drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=15s")
	u.says("a drain that a budget holds up", said, "pod/worker evicted", "pod/stores evicted", "Cannot evict pod as it would violate the pod's disruption budget.", "global timeout reached: 15s")
	u.says("the budget", u.sees("get", "pdb", "web", "--no-headers"), "web   1     N/A   0 ")
	u.running("app=web", 1)
	u.sees("delete", "pdb", "web")
	u.says("a drain", u.sees("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s"), "pod/web-", " evicted\n", "node/"+node+" drained")
	u.sees("uncordon", node)
	u.ready("deployment/web")
}
