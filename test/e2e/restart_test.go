package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// TestRestart ends a server of its own in every way and at every moment; nobody who uses the cluster may notice.
func TestRestart(t *testing.T) {
	t.Parallel()
	s := newRestartSpace(t)
	s.manifest("restart")
	s.ready("deployment/web")
	s.up("reader", "mortal", "ender")
	s.becomes("job/once", ".status.ready", "1")
	s.over("finished")
	visitors := visit(s, "http://"+s.cluster.Machine.IP+":30080/")
	before := s.state()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Kill} {
		s.stop(signal)
		s.start()
		s.unchanged(signal.String(), before)
	}
	s.killedWhileItStarts(before)
	s.runtimeKilled(before)
	s.same("what ran once", s.sh("reader/main", "cat /d/count"), "once\nhook")
	s.kubectl("patch", "configmap", "settings", "-p", `{"data":{"color":"green"}}`)
	s.eventually("a change after the restarts", func() error {
		out, err := s.try("exec", "reader", "-c", "main", "--", "cat", "/settings/color")
		if err == nil && out != "green" {
			err = fmt.Errorf("still %s", out)
		}
		return err
	})
	s.crashedWhileDown()
	s.endedWhileDown()
	visitors.end(s)

	s.killedWhilePodsStart()
	s.killedWhileRolling()
	s.killedWhileWriting()
	s.secondServer()
}

// restartSpace is a namespace on a cluster that is stopped and started.
type restartSpace struct{ *space }

func newRestartSpace(t *testing.T) restartSpace {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cluster, err := env.NewCluster(ctx, octet()+1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s", cluster.Log())
		}
		if err := cluster.Close(); err != nil {
			t.Error(err)
		}
	})
	return restartSpace{newSpaceOn(t, cluster)}
}

func (s restartSpace) stop(signal os.Signal) {
	s.Helper()
	took, err := s.cluster.Stop(signal)
	if err != nil {
		s.Fatalf("stopping by %s: %v", signal, err)
	}
	s.Logf("%s: the server took %s to end", signal, took.Round(time.Millisecond))
	if took > 30*time.Second {
		s.Errorf("%s: the server took %s to end", signal, took)
	}
}

func (s restartSpace) start() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.cluster.Start(ctx); err != nil {
		s.Fatal(err)
	}
}

// pods of all namespaces.
func (s restartSpace) pods() []corev1.Pod {
	s.Helper()
	var list corev1.PodList
	if err := json.Unmarshal([]byte(s.kubectl("get", "pods", "-A", "-o", "json")), &list); err != nil {
		s.Fatal(err)
	}
	return list.Items
}

// state is what must be the same after a restart: for each pod its UID, address, since when it is ready, and its containers.
func (s restartSpace) state() map[string]string {
	s.Helper()
	state := map[string]string{}
	for _, pod := range s.pods() {
		text := fmt.Sprintf("%s %s %s", pod.UID, pod.Status.PodIP, pod.Status.Phase)
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodReady {
				text += fmt.Sprintf(" ready=%s since %s", condition.Status, condition.LastTransitionTime.UTC().Format(time.TimeOnly))
			}
		}
		for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
			text += fmt.Sprintf("\n%s %s restarts=%d %+v", status.Name, status.ContainerID, status.RestartCount, status.State)
		}
		state[pod.Name] = text
	}
	return state
}

// unchanged checks that the cluster is what it was, when the server has had the time to look at everything.
func (s restartSpace) unchanged(after string, before map[string]string) {
	s.Helper()
	s.newPodWorks()
	if diff := cmp.Diff(before, s.state()); diff != "" {
		s.Errorf("after %s the pods differ:\n%s", after, diff)
	}
	s.noStrangers()
}

// newPodWorks shows that the kubelet is at work.
func (s restartSpace) newPodWorks() {
	s.Helper()
	s.kubectl("run", "probe", "--image", toolbox, "--restart=Never", "--command", "--", "echo", "hello")
	s.same("a pod after a restart", s.over("probe"), "Succeeded 0")
	s.same("its log", s.kubectl("logs", "probe"), "hello")
	s.kubectl("delete", "pod", "probe", "--wait", "--timeout", patience.String())
}

// noStrangers waits until the runtime has a sandbox for each pod that is not over, its containers, and nothing else.
func (s restartSpace) noStrangers() {
	s.Helper()
	clients, err := filepath.Glob(filepath.Join(s.cluster.DataDir(), "programs", "*", "ctr"))
	if err != nil || len(clients) == 0 {
		s.Fatalf("no ctr in the data folder: %v", err)
	}
	s.eventually("containers of pods only", func() error {
		known := map[string]bool{}
		sandboxes := 0
		for _, pod := range s.pods() {
			sandboxes++
			for _, status := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
				known[strings.TrimPrefix(status.ContainerID, "containerd://")] = true
				if last := status.LastTerminationState.Terminated; last != nil {
					known[strings.TrimPrefix(last.ContainerID, "containerd://")] = true
				}
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		out, err := s.cluster.Machine.Command(ctx, clients[len(clients)-1],
			"--address", "/run/coxswain/containerd/containerd.sock", "--namespace", "k8s.io", "containers", "ls", "-q").Output()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		strangers := 0
		for _, id := range strings.Fields(string(out)) {
			if !known[id] {
				strangers++
			}
		}
		if strangers != sandboxes {
			return fmt.Errorf("%d containers beside those of %d pods, want a sandbox each", strangers, sandboxes)
		}
		return nil
	})
}

// killedWhileItStarts kills servers that are not ready yet.
func (s restartSpace) killedWhileItStarts(before map[string]string) {
	s.Helper()
	s.stop(os.Kill)
	for _, after := range []time.Duration{30, 150, 400, 900} {
		if err := s.cluster.Launch(); err != nil {
			s.Fatal(err)
		}
		time.Sleep(after * time.Millisecond) // the moment is the point
		s.stop(os.Kill)
	}
	s.start()
	s.unchanged("kills while it starts", before)
}

// runtimeKilled kills containerd under the server.
func (s restartSpace) runtimeKilled(before map[string]string) {
	s.Helper()
	if killed := s.cluster.Machine.Kill("containerd"); killed != 1 {
		s.Fatalf("killed %d processes of containerd, want 1", killed)
	}
	s.unchanged("containerd was killed", before)
}

// crashedWhileDown kills a container while no server runs.
func (s restartSpace) crashedWhileDown() {
	s.Helper()
	before := s.state()
	s.stop(os.Kill)
	if killed := s.cluster.Machine.KillCommand("sleep", "98765"); killed != 1 {
		s.Fatalf("killed %d processes of the container, want 1", killed)
	}
	s.start()
	s.becomes("pod/mortal", ".status.containerStatuses[0].restartCount", "1")
	s.up("mortal")
	after := s.state()
	delete(before, "mortal")
	delete(after, "mortal")
	if diff := cmp.Diff(before, after); diff != "" {
		s.Errorf("after a container crashed while the server was down, others differ:\n%s", diff)
	}
}

// endedWhileDown lets containers end while no server runs: how they did is known afterwards, and nothing runs twice.
func (s restartSpace) endedWhileDown() {
	s.Helper()
	s.stop(os.Kill)
	for _, sleep := range []string{"98766", "98767"} {
		if killed := s.cluster.Machine.KillCommand("sleep", sleep); killed != 1 {
			s.Fatalf("killed %d processes of sleep %s, want 1", killed, sleep)
		}
	}
	s.start()
	s.becomes("pod/ender", ".status.containerStatuses[0].state.terminated['exitCode','reason']", "7 Error")
	s.becomes("job/once", ".status.succeeded", "1")
	s.same("the Job's pods", s.kubectl("get", "pods", "-l", "batch.kubernetes.io/job-name=once", "-o", "jsonpath={.items[*].status.phase}"), "Succeeded")
	s.same("its log", s.kubectl("logs", "job/once"), "done")
}

// killedWhilePodsStart kills the server while it starts pods, a little later each time.
func (s restartSpace) killedWhilePodsStart() {
	s.Helper()
	for _, after := range []time.Duration{100, 400, 800} {
		s.kubectl("scale", "deployment", "burst", "--replicas=6")
		time.Sleep(after * time.Millisecond) // the moment is the point
		s.stop(os.Kill)
		s.start()
		s.running("app=burst", 6)
		s.noStrangers()
		s.distinctAddresses()
		if restarts := strings.Fields(s.kubectl("get", "pods", "-l", "app=burst", "-o", "jsonpath={.items[*].status.containerStatuses[*].restartCount}")); strings.Join(restarts, "") != strings.Repeat("0", 12) {
			s.Errorf("killed after %d ms, the containers were restarted: %v", after, restarts)
		}
		s.kubectl("scale", "deployment", "burst", "--replicas=0")
		s.eventually("no pod", func() error {
			out, err := s.try("get", "pods", "-l", "app=burst", "-o", "name")
			if err == nil && out != "" {
				err = errors.New(out)
			}
			return err
		})
	}
}

func (s restartSpace) distinctAddresses() {
	s.Helper()
	owners := map[string]string{}
	for _, pod := range s.pods() {
		if ip := pod.Status.PodIP; ip != "" && pod.Status.Phase == corev1.PodRunning {
			if other, ok := owners[ip]; ok {
				s.Errorf("%s and %s both have the address %s", pod.Name, other, ip)
			}
			owners[ip] = pod.Name
		}
	}
}

// killedWhileRolling kills the server twice during a rollout, which goes on.
func (s restartSpace) killedWhileRolling() {
	s.Helper()
	s.kubectl("set", "env", "deployment/web", "VERSION=2")
	for range 2 {
		time.Sleep(700 * time.Millisecond) // the moment is the point
		s.stop(os.Kill)
		s.start()
	}
	s.ready("deployment/web")
	s.running("app=web", 3)
	s.same("the new version", s.kubectl("get", "pods", "-l", "app=web", "-o", "jsonpath={.items[*].spec.containers[0].env[0].value}"), "2 2 2")
	s.same("the Deployment's replicas", s.get("deployment/web", ".status['replicas','updatedReplicas','readyReplicas']"), "3 3 3")
	s.same("the ReplicaSets", s.kubectl("get", "replicasets", "-l", "app=web", "--sort-by=.metadata.creationTimestamp", "-o", "jsonpath={.items[*].spec.replicas}"), "0 3")
	s.noStrangers()
}

// killedWhileWriting kills the server while objects are created: what was acknowledged is there.
func (s restartSpace) killedWhileWriting() {
	s.Helper()
	var acknowledged atomic.Int64
	var writers sync.WaitGroup
	for writer := range 3 {
		writers.Go(func() {
			for n := 0; ; n++ {
				if _, err := s.try("create", "configmap", fmt.Sprintf("note-%d-%d", writer, n), fmt.Sprintf("--from-literal=n=%d", n)); err != nil {
					return
				}
				acknowledged.Add(1)
			}
		})
	}
	s.eventually("some writes", func() error {
		if n := acknowledged.Load(); n < 15 {
			return fmt.Errorf("only %d", n)
		}
		return nil
	})
	s.stop(os.Kill)
	writers.Wait()
	s.start()
	names := strings.Count(s.kubectl("get", "configmaps", "-o", "name"), "/note-")
	if n := int(acknowledged.Load()); names < n || names > n+3 {
		s.Errorf("%d objects of 3 writers after the kill, %d were acknowledged", names, n)
	}
}

// secondServer is refused on a data folder that is in use.
func (s restartSpace) secondServer() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := s.cluster.ServerCommand(ctx, "--https-listen-port=0", "--kubelet-port=0").CombinedOutput()
	if err == nil {
		s.Fatalf("a second server ran on the same data folder: %s", out)
	}
	s.says("the second server", string(out), "another server uses "+s.cluster.DataDir(), "stop it, or choose another --data-dir")
	s.kubectl("get", "nodes")
}

// visitors ask a page again and again.
type visitors struct {
	cancel   context.CancelFunc
	done     sync.WaitGroup
	asked    atomic.Int64
	failures sync.Map
}

func visit(s restartSpace, page string) *visitors {
	s.Helper()
	s.eventually("the first visit", func() error {
		_, _, err := fetch("GET", page, "")
		return err
	})
	ctx, cancel := context.WithCancel(context.Background())
	v := &visitors{cancel: cancel}
	v.done.Go(func() {
		for ctx.Err() == nil {
			if _, _, err := fetch("GET", page, ""); err != nil {
				v.failures.Store(time.Now().Format(time.StampMilli), err)
			}
			v.asked.Add(1)
			time.Sleep(10 * time.Millisecond) // a steady pace
		}
	})
	s.Cleanup(cancel)
	return v
}

// end checks that all were served.
func (v *visitors) end(s restartSpace) {
	s.Helper()
	v.cancel()
	v.done.Wait()
	v.failures.Range(func(at, err any) bool {
		s.Errorf("a visitor failed at %v: %v", at, err)
		return true
	})
	s.Logf("%d requests were answered", v.asked.Load())
}
