package e2e

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// killed is a pod with one container, whose process can be told from all others on the machine.
const killed = `
apiVersion: v1
kind: Pod
metadata: {name: killed}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: docker.io/coxswain/toolbox:v1
    command: [sleep, "86399.77"]
`

func TestKilledContainer(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(killed)
	s.up("killed")
	address := s.get("pod/killed", ".status.podIP")
	kill(t, s.cluster.Machine.Cgroup(), "sleep\x0086399.77\x00")
	s.becomes("pod/killed", ".status.containerStatuses[0].restartCount", "1")
	s.up("killed")
	s.same("why it ended", s.get("pod/killed", ".status.containerStatuses[0].lastState.terminated.reason"), "Error")
	s.same("its exit code", s.get("pod/killed", ".status.containerStatuses[0].lastState.terminated.exitCode"), "137")
	s.same("the pod's address", s.get("pod/killed", ".status.podIP"), address)
	s.says("get pods", s.kubectl("get", "pods"), "1/1", "Running", "1 (")
}

// kill ends all processes with a command line that run in a control group.
func kill(t *testing.T, group, commandLine string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, dir := range dirs {
		line, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		groups, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		if string(line) != commandLine || !bytes.Contains(groups, []byte(":"+group+"/")) {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil {
			err = syscall.Kill(pid, syscall.SIGKILL)
		}
		if err != nil {
			t.Fatal(err)
		}
		found = true
	}
	if !found {
		t.Fatalf("no process %q runs", commandLine)
	}
}

// TestBackoff watches a pod that fails again and again: what lasts for ten seconds may be over when one looks.
func TestBackoff(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.apply(strings.Replace(killed, `[sleep, "86399.77"]`, `[sh, -c, "date +%s >/dev/termination-log; exit 3"]`, 1))
	const status = ".status.containerStatuses[0]"
	rows := u.starts("get", "pods", "-w")
	states := u.starts("get", "pod/killed", "-w", "-o", "jsonpath={"+status+".restartCount} {"+status+".state.waiting.reason}: {"+status+".state.waiting.message}"+
		" (started {"+status+".lastState.terminated.message}){\"\\n\"}")
	said := states.says( // the first restart does not wait
		"1 CrashLoopBackOff: back-off 10s restarting failed container=main pod=killed_"+u.name,
		"2 CrashLoopBackOff: back-off 20s restarting failed container=main pod=killed_"+u.name)
	row := regexp.MustCompile(`(?m)^killed +0/1 +CrashLoopBackOff +1 \(`)
	u.eventually("get pods", func() error {
		if said := rows.said(); !row.MatchString(said) {
			return fmt.Errorf("no %s in %s", row, said)
		}
		return nil
	})
	u.event("killed", "Warning", "BackOff", "Back-off restarting failed container main in pod killed_"+u.name)
	if waited := started(t, said, 2) - started(t, said, 1); waited < 9 {
		t.Errorf("the second restart came after %d s, want 10", waited)
	}
}

// started is when the container started that had ended before a restart was waited for, in seconds.
func started(t *testing.T, states string, restarts int) int {
	t.Helper()
	found := regexp.MustCompile(fmt.Sprintf(`(?m)^%d CrashLoopBackOff.*\(started (\d+)`, restarts)).FindStringSubmatch(states)
	if found == nil {
		t.Fatalf("no start before restart %d in %s", restarts, states)
	}
	at, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// probed is a pod behind a Service that is alive and ready as files in it say.
const probed = `
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: probed}
spec:
  replicas: 2
  selector: {matchLabels: {app: probed}}
  template:
    metadata: {labels: {app: probed}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: docker.io/coxswain/toolbox:v1
        livenessProbe: {exec: {command: [test, "!", -e, /tmp/dead]}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 2, terminationGracePeriodSeconds: 1}
        readinessProbe: {exec: {command: [test, "!", -e, /tmp/busy]}, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 1}
---
apiVersion: v1
kind: Service
metadata: {name: probed}
spec:
  selector: {app: probed}
  ports: [{port: 80}]
`

func TestProbes(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(probed)
	pods := s.running("app=probed", 2)
	one := "pod/" + pods[0]
	address := s.get(one, ".status.podIP")
	s.inSlice(address, "true")

	s.sh(pods[0], "touch /tmp/busy")
	s.inSlice(address, "false")
	s.becomes(one, `.status.conditions[?(@.type=="Ready")].status`, "False")
	s.same("why it is not ready", s.get(one, `.status.conditions[?(@.type=="Ready")].reason`), "ContainersNotReady")
	s.event(pods[0], "Warning", "Unhealthy", "Readiness probe failed: ")
	s.becomes("endpoints/probed", ".subsets[0].notReadyAddresses[0].ip", address)
	s.becomes("replicaset/probed", ".status.readyReplicas", "1")
	s.sh(pods[0], "rm /tmp/busy")
	s.inSlice(address, "true")
	s.becomes("replicaset/probed", ".status.readyReplicas", "2")
	s.same("restarts for want of readiness", s.get(one, ".status.containerStatuses[0].restartCount"), "0")

	s.sh(pods[0], "touch /tmp/dead")
	s.becomes(one, ".status.containerStatuses[0].restartCount", "1")
	s.event(pods[0], "Warning", "Unhealthy", "Liveness probe failed: ")
	s.event(pods[0], "Normal", "Killing", "Container main failed liveness probe, will be restarted")
	s.up(pods[0])
	s.inSlice(address, "true")
}

// inSlice waits until an address is in the EndpointSlice of the Service probed, ready or not.
func (s *space) inSlice(address, ready string) {
	s.Helper()
	s.becomes("endpointslices", `.items[0].endpoints[?(@.addresses[0]=="`+address+`")].conditions.ready`, ready)
}

func TestReplacement(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.apply(probed)
	pods := s.running("app=probed", 2)
	s.kubectl("delete", "pod", pods[0])
	after := s.running("app=probed", 2)
	if after[0] == pods[0] || after[1] == pods[0] {
		t.Errorf("pods %v, want one in place of %s", after, pods[0])
	}
	s.kubectl("label", "pod", pods[1], "app=stray", "--overwrite")
	s.running("app=probed", 2)
	s.same("the owner of a pod that no selector matches", s.get("pod/"+pods[1], ".metadata.ownerReferences"), "")
	s.kubectl("label", "pod", pods[1], "app=probed", "--overwrite")
	s.running("app=probed", 2) // it is taken back, and one pod too many goes
	started := time.Now()
	s.kubectl("delete", "replicaset", "probed", "--wait=false")
	s.running("app=probed", 0)
	t.Logf("collected in %s", time.Since(started))
}
