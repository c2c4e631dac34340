package e2e

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// spread is a workload that leaves a silent node after a second, and goes to another one.
const spread = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      nodeSelector: {kubernetes.io/os: linux}
      tolerations:
      - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute, tolerationSeconds: 1}
      topologySpreadConstraints:
      - {maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}
      containers:
      - {name: web, image: docker.io/coxswain/toolbox:v1, command: [sleep, "86399.41"]}
`

// TestNodeFailures switches nodes off, freezes them and cuts them off: what ran there runs elsewhere, and they come back clean.
func TestNodeFailures(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "fail")
	config := filepath.Join(t.TempDir(), "server.yaml")
	if err := os.WriteFile(config, []byte("node-monitor-grace-period: 15s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	runs(t, f, "up", "--name", f.Name, "--nodes", "4", "--images", f.Images(), "--server-config", config)
	s := &fleetSpace{onFleet(t, f), f}
	s.Run("mistakes", s.mistakes)
	s.apply(spread)
	s.running("app=web", 3)
	s.drains()
	s.Log("stop and pause")
	s.fails(map[string]string{f.Node(2): "stop", f.Node(3): "pause"})
	s.Log("partition")
	s.fails(map[string]string{f.Node(4): "partition"})
}

type fleetSpace struct {
	*space
	fleet *env.Fleet
}

func (s *fleetSpace) mistakes(t *testing.T) {
	f := s.fleet
	refuses(t, f, "cannot start "+f.Node(2)+": it is running", "node", "start", f.Node(2))
	refuses(t, f, "has no node "+f.Node(7)+": they are "+f.Node(1)+" to "+f.Node(4), "node", "stop", f.Node(7))
	refuses(t, f, "no such cluster: nowhere; there are "+f.Name, "node", "pause", "nowhere-1")
	refuses(t, f, `"boat" is no node`, "node", "partition", "boat")
	refuses(t, f, "requires at least 1 arg", "node", "stop")
}

// fails makes nodes fail in their ways, and brings them back when their pods have left.
func (s *fleetSpace) fails(how map[string]string) {
	s.Helper()
	s.onNodes(slices.Collect(maps.Keys(how)))
	for node, verb := range how {
		runs(s.T, s.fleet, "node", verb, node)
	}
	for node, verb := range how {
		s.becomes("node/"+node, `.status.conditions[?(@.type=="Ready")].status`, "Unknown")
		s.eventually("the taints of a node after "+verb, func() error {
			taints, err := s.try("get", "node", node, "-o", "jsonpath={.spec.taints[*].key}")
			if err == nil && !strings.Contains(taints, "node.kubernetes.io/unreachable") {
				err = errors.New(taints)
			}
			return err
		})
	}
	s.eventually("three pods on nodes that live", func() error {
		out, err := s.try("get", "pods", "-l", "app=web", "-o", `jsonpath={range .items[?(@.status.phase=="Running")]}{.metadata.deletionTimestamp}{"@"}{.spec.nodeName}{"\n"}{end}`)
		alive := 0
		for line := range strings.Lines(out) {
			if node, ok := strings.CutPrefix(strings.TrimSpace(line), "@"); ok && how[node] == "" {
				alive++
			}
		}
		if err == nil && alive < 3 {
			err = fmt.Errorf("%d:\n%s", alive, out)
		}
		return err
	})
	for node, verb := range how {
		state := map[string]string{"stop": "stopped", "pause": "paused", "partition": "partitioned"}[verb]
		if list := runs(s.T, s.fleet, "node", "list"); !regexp.MustCompile(node + " .* " + state + "\n").MatchString(list) {
			s.Errorf("the list after %s:\n%s", verb, list)
		}
		runs(s.T, s.fleet, "node", "start", node)
	}
	for node, verb := range how {
		s.becomes("node/"+node, `.status.conditions[?(@.type=="Ready")].status`, "True")
		s.eventually(node+" is clean after "+verb, func() error {
			taints, err := s.try("get", "node", node, "-o", "jsonpath={.spec.taints}")
			if err != nil || taints != "" {
				return fmt.Errorf("taints %s: %w", taints, err)
			}
			pods, err := s.try("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].metadata.deletionTimestamp}")
			if err != nil || pods != "" {
				return fmt.Errorf("pods are still ending: %w", err)
			}
			if n := s.sleepers(node); n != len(s.podsOn(node)) {
				return fmt.Errorf("%d containers run for %d pods", n, len(s.podsOn(node)))
			}
			return nil
		})
	}
	s.running("app=web", 3)
}

// onNodes makes sure that a pod runs on each of some nodes.
func (s *fleetSpace) onNodes(nodes []string) {
	s.Helper()
	empty := func() bool {
		return slices.ContainsFunc(nodes, func(node string) bool { return len(s.podsOn(node)) == 0 })
	}
	for tries := 0; empty(); tries++ {
		if tries == 20 {
			s.Fatalf("there are nodes that no pod gets to: %v", nodes)
		}
		s.kubectl("delete", "pods", "-l", "app=web", "--wait=true")
		s.running("app=web", 3)
	}
}

func (s *fleetSpace) podsOn(node string) []string {
	s.Helper()
	return strings.Fields(s.kubectl("get", "pods", "-l", "app=web", "--field-selector", "spec.nodeName="+node, "-o", "jsonpath={.items[*].metadata.name}"))
}

// sleepers counts the containers of the workload that run on a node.
func (s *fleetSpace) sleepers(node string) int {
	n := 0
	for _, pid := range processesOf(s.fleet) {
		groups, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", pid))
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if strings.Contains(string(groups), "/"+node+"/") && string(line) == "sleep\x0086399.41\x00" {
			n++
		}
	}
	return n
}

// drains empties a node while a PodDisruptionBudget is respected.
func (s *fleetSpace) drains() {
	s.Helper()
	s.input(`{"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "web"},
		"spec": {"minAvailable": 3, "selector": {"matchLabels": {"app": "web"}}}}`, "create", "-f", "-")
	s.becomes("pdb/web", ".status.currentHealthy", "3")
	node := s.get("pods", ".items[0].spec.nodeName")
	s.says("a drain that the budget forbids", s.refused("drain", node, "--ignore-daemonsets", "--timeout=10s"),
		"Cannot evict pod as it would violate the pod's disruption budget.")
	s.same("pods after it", fmt.Sprint(len(s.running("app=web", 3))), "3")
	s.kubectl("patch", "pdb", "web", "--type=merge", "-p", `{"spec":{"minAvailable":2}}`)
	s.becomes("pdb/web", ".status.disruptionsAllowed", "1")
	began := time.Now()
	s.says("a drain", s.kubectl("drain", node, "--ignore-daemonsets", "--timeout=120s"), "drained")
	s.Logf("drain took %s", time.Since(began))
	s.same("pods on the drained node", strings.Join(s.podsOn(node), " "), "")
	s.running("app=web", 3)
	s.kubectl("uncordon", node)
	s.kubectl("delete", "pdb", "web")
}
