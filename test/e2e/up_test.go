package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// newFleet prepares a cluster of several nodes that is removed after the test.
func newFleet(t *testing.T, name string) *env.Fleet {
	t.Helper()
	f, err := env.NewFleet(fmt.Sprintf("%s%d", name, octet()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the logs of the cluster:\n%s", f.Logs())
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// runs is a command that must succeed.
func runs(t *testing.T, f *env.Fleet, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	out, err := f.Coxswain(ctx, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// refuses is a command that must fail with these words.
func refuses(t *testing.T, f *env.Fleet, words string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if out, err := f.Coxswain(ctx, args...); err == nil || !strings.Contains(out, words) {
		t.Errorf("coxswain %s: %v, want %q", strings.Join(args, " "), err, words)
	}
}

// onFleet is the default namespace of such a cluster, which ends with it.
func onFleet(t *testing.T, f *env.Fleet) *space {
	s := &space{T: t, cluster: f.Cluster, name: "default"}
	t.Cleanup(func() {
		if t.Failed() {
			for _, what := range [][]string{{"describe", "pods"}, {"get", "all,nodes,events", "-o", "wide"}} {
				out, err := s.try(what...)
				t.Logf("kubectl %s: %v\n%s", strings.Join(what, " "), err, out)
			}
		}
	})
	return s
}

func noTraces(t *testing.T, f *env.Fleet) {
	t.Helper()
	if traces := f.Traces(); len(traces) > 0 {
		t.Errorf("what is left of the cluster:\n%s", strings.Join(traces, "\n"))
	}
}

// onEveryNode serves the name of its pod on each node, by a Service too.
const onEveryNode = `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 0
      containers:
      - name: web
        image: docker.io/coxswain/toolbox:v1
        command: [sh, -c, "hostname > /tmp/index.html; exec busybox httpd -f -p 8080 -h /tmp"]
        readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
`

// TestUpAndDown makes a cluster of three nodes, uses it across them, and looks for what is left of it.
func TestUpAndDown(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "up")
	out := runs(t, f, "up", "--name", f.Name, "--nodes", "3", "--images", f.Images())
	for _, words := range []string{"started 3 machines", "the API server is ready", f.Node(2) + " is ready", "export KUBECONFIG=" + f.Kubeconfig + "\n"} {
		if !strings.Contains(out, words) {
			t.Errorf("up does not say %q:\n%s", words, out)
		}
	}
	refuses(t, f, "runs already: "+f.Node(1)+" running", "up", "--name", f.Name)
	refuses(t, f, "quorum", "up", "--name", f.Name+"x", "--servers", "3")

	s := onFleet(t, f)
	s.same("nodes", s.kubectl("get", "nodes", "-o", `jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status} {end}`),
		f.Node(1)+" True "+f.Node(2)+" True "+f.Node(3)+" True")
	s.apply(onEveryNode)
	pods := s.running("app=web", 3)
	if nodes := strings.Fields(s.get("pods", ".items[*].spec.nodeName")); len(nodes) != 3 || nodes[0] == nodes[1] || nodes[1] == nodes[2] || nodes[0] == nodes[2] {
		t.Errorf("the pods are on %v", nodes)
	}
	for _, from := range pods {
		for _, to := range pods {
			ip := s.get("pod/"+to, ".status.podIP")
			s.same("what "+from+" gets from "+to, s.sh(from, "curl -s -m 30 http://"+ip+":8080/"), to)
		}
		s.says("what "+from+" gets from the Service", s.sh(from, "curl -s -m 30 http://web/"), "web-")
	}
	port := s.get("service/web", ".spec.ports[0].nodePort")
	for _, ip := range strings.Fields(s.kubectl("get", "nodes", "-o", `jsonpath={.items[*].status.addresses[?(@.type=="InternalIP")].address}`)) {
		response, err := (&http.Client{Timeout: 30 * time.Second}).Get("http://" + ip + ":" + port + "/")
		if err != nil {
			t.Errorf("the node port on %s: %v", ip, err)
			continue
		}
		response.Body.Close()
	}
	began := time.Now()
	runs(t, f, "down", "--name", f.Name)
	t.Logf("down took %s", time.Since(began))
	noTraces(t, f)
	if out := runs(t, f, "down", "--name", f.Name); !strings.Contains(out, "there is no cluster "+f.Name) {
		t.Errorf("down without a cluster: %s", out)
	}
}

// TestUpAfterCrash leaves clusters in every state that a crash can leave them in; each time the next one starts clean.
func TestUpAfterCrash(t *testing.T) {
	t.Parallel()
	f := newFleet(t, "crash")
	up := []string{"up", "--name", f.Name, "--nodes", "2"}
	runs(t, f, up...)
	crash(t, f)
	if out := runs(t, f, "node", "list", f.Name); strings.Count(out, "failed") != 2 {
		t.Errorf("the nodes of a crashed cluster:\n%s", out)
	}
	if out := runs(t, f, up...); !strings.Contains(out, "removed what an earlier cluster left") {
		t.Errorf("up after a crash: %s", out)
	}
	for _, moment := range []time.Duration{20, 80, 200, 500} {
		runs(t, f, "down", "--name", f.Name)
		interrupted := f.Command(t.Context(), up...)
		if err := interrupted.Start(); err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(moment*time.Millisecond, func() { _ = interrupted.Process.Kill() })
		_ = interrupted.Wait()
		if moment == 200 {
			runs(t, f, "down", "--name", f.Name)
			noTraces(t, f)
		}
		crash(t, f)
		runs(t, f, up...)
	}
	// A reboot leaves the folder alone, and a thorough hand everything else.
	if err := os.RemoveAll(filepath.Dir(f.Kubeconfig)); err != nil {
		t.Fatal(err)
	}
	runs(t, f, "down", "--name", f.Name)
	noTraces(t, f)
}

// crash kills all that runs on the cluster's nodes, and waits until it is gone: what is killed has its memory to give back before.
func crash(t *testing.T, f *env.Fleet) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, patience, true, func(context.Context) (bool, error) {
		left := processesOf(f)
		for _, pid := range left {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return len(left) == 0, nil
	}); err != nil {
		t.Fatalf("processes %v were killed and are still there: %v", processesOf(f), err)
	}
}

// processesOf are all that run on the cluster's nodes; those that have ended and wait for their parent do not.
func processesOf(f *env.Fleet) []int {
	var pids []int
	files, _ := filepath.Glob("/proc/[0-9]*/cgroup")
	for _, file := range files {
		stat, _ := os.ReadFile(filepath.Join(filepath.Dir(file), "stat"))
		if groups, _ := os.ReadFile(file); strings.Contains(string(groups), f.Name) && !strings.Contains(string(stat), ") Z ") {
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
