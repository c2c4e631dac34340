package cluster

import (
	"bufio"
	"bytes"
	"fmt"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/ptr"
)

// writeCounts are writes: how many of what were answered how.
type writeCounts map[string]int

// writes counts those of the kinds that the server has answered so far.
func writes(t *testing.T, of *Cluster, kinds ...string) writeCounts {
	t.Helper()
	c, err := discovery.NewDiscoveryClientForConfig(of.Config)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := writeCounts{}
	label := regexp.MustCompile(`(code|resource|subresource|verb)="([^"]*)"`)
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, "apiserver_request_total{") {
			continue
		}
		of := map[string]string{}
		for _, found := range label.FindAllStringSubmatch(line, -1) {
			of[found[1]] = found[2]
		}
		if !slices.Contains(kinds, of["resource"]) || slices.Contains([]string{"GET", "LIST", "WATCH"}, of["verb"]) {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
		if err != nil {
			t.Fatal(err)
		}
		all[strings.Join([]string{of["verb"], path.Join(of["resource"], of["subresource"]), of["code"]}, " ")] += int(value)
	}
	return all
}

// conflicts are the writes that were refused because what they were based on had changed.
func (w writeCounts) conflicts() (n int) {
	for what, count := range w {
		if strings.HasSuffix(what, " 409") {
			n += count
		}
	}
	return n
}

// String lists them, by name.
func (w writeCounts) String() string {
	var lines strings.Builder
	for _, what := range slices.Sorted(maps.Keys(w)) {
		fmt.Fprintf(&lines, "\n%7d %s", w[what], what)
	}
	return lines.String()
}

// settling is how many there are of what TestDeploymentsSettleWithoutConflicts makes.
func settling(t *testing.T, variable string, otherwise int) int {
	t.Helper()
	s := os.Getenv(variable)
	if s == "" {
		return otherwise
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// withPods is a Deployment of ten pods.
func withPods(name string) *appsv1.Deployment {
	labels := map[string]string{"app": name}
	return &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](10), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "i"}},
		}},
	}}
}

// Many Deployments that are made at once settle, and their controllers do not get in each other's way. COXSWAIN_DEPLOYMENTS=1000 makes as
// many of them; CI is content with fewer. COXSWAIN_NODES=100 has their pods run, on as many simulated nodes.
func TestDeploymentsSettleWithoutConflicts(t *testing.T) {
	count, nodes := settling(t, "COXSWAIN_DEPLOYMENTS", 40), settling(t, "COXSWAIN_NODES", 0)
	options := ForTest(t.TempDir())
	if options.SimulatedNodes = nodes; nodes == 0 {
		options.Disable = append(options.Disable, Scheduler)
	}
	running, c := started(t, options)
	takesPods(t, c)
	before := cpuTime(t)
	for i := range count {
		if err := c.Create(t.Context(), withPods(fmt.Sprintf("d%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	until(t, c, &appsv1.DeploymentList{}, count, func(d *appsv1.Deployment) bool {
		return d.Status.UpdatedReplicas == 10 && d.Status.ObservedGeneration == d.Generation && (nodes == 0 || d.Status.AvailableReplicas == 10)
	})
	used := cpuTime(t) - before
	all := writes(t, running, "deployments", "replicasets", "pods")
	t.Logf("%d Deployments took %s of processor time and these writes:%s", count, used.Round(time.Millisecond), all)
	if n := all.conflicts(); n > count/10 {
		t.Errorf("%d Deployments had %d conflicts", count, n)
	}
}

// DaemonSets that are made at once settle, and their work grows with their pods alone. COXSWAIN_DAEMONSETS=5 makes as many of them, and
// COXSWAIN_NODES=2000 nodes.
func TestDaemonSetsSettle(t *testing.T) {
	count, nodes := settling(t, "COXSWAIN_DAEMONSETS", 2), settling(t, "COXSWAIN_NODES", 20)
	options := ForTest(t.TempDir())
	options.SimulatedNodes = nodes
	running, c := started(t, options)
	until(t, c, &corev1.NodeList{}, nodes, func(*corev1.Node) bool { return true })
	takesPods(t, c)
	before := cpuTime(t)
	for i := range count {
		d := withPods(fmt.Sprintf("d%d", i))
		set := &appsv1.DaemonSet{ObjectMeta: d.ObjectMeta, Spec: appsv1.DaemonSetSpec{Selector: d.Spec.Selector, Template: d.Spec.Template}}
		if err := c.Create(t.Context(), set); err != nil {
			t.Fatal(err)
		}
	}
	until(t, c, &appsv1.DaemonSetList{}, count, func(set *appsv1.DaemonSet) bool { return set.Status.NumberAvailable == int32(nodes) })
	all := writes(t, running, "daemonsets", "pods")
	t.Logf("%d DaemonSets on %d nodes took %s of processor time and these writes:%s", count, nodes, (cpuTime(t) - before).Round(time.Millisecond), all)
	if n := all["PUT daemonsets/status 409"]; n > count {
		t.Errorf("%d DaemonSets had %d conflicts", count, n)
	}
}
