package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLives follows pods from their start to their end.
func TestLives(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("lives")
	const ended = ".status.containerStatuses[0].state.terminated"
	for pod, want := range map[string]string{
		"succeeds": "Succeeded 0", "fails": "Failed 3", "tries-again": "Succeeded 0", "too-much": "Failed 137", "too-long": "Failed DeadlineExceeded 137",
		"steps": "Succeeded 0", "init-fails": "Failed", "no-program": "Failed 128",
	} {
		if got := s.over(pod); got != want {
			t.Errorf("%s ended as %s, want %s", pod, got, want)
		}
	}
	s.same("a termination message", s.get("pod/succeeds", ended+".message"), "all is well")
	s.same("a reason", s.get("pod/succeeds", ended+".reason"), "Completed")
	s.same("last words in the log", s.get("pod/fails", ended+".message"), "one\nlast words")
	s.same("a reason", s.get("pod/fails", ended+".reason"), "Error")
	s.same("the restarts of a pod that tried again", s.get("pod/tries-again", ".status.containerStatuses[0].restartCount"), "1")
	s.says("its last message", s.get("pod/tries-again", ".status.containerStatuses[0].lastState.terminated.message"), "/bin")
	s.same("the reason of a pod without memory", s.get("pod/too-much", ended+".reason"), "OOMKilled")
	s.same("the message of a pod that took too long", s.get("pod/too-long", ".status.message"), "Pod was active on the node longer than the specified deadline")
	s.same("the order of steps", s.kubectl("logs", "steps", "-c", "main"), "first sidecar second main")
	s.same("a sidecar's end", s.kubectl("logs", "steps", "-c", "sidecar"), "sidecar stops")
	s.same("the failed step", s.get("pod/init-fails", ".status.initContainerStatuses[0].state.terminated.exitCode"), "5")
	s.same("the container that never came", s.get("pod/init-fails", ".status.containerStatuses[0].state.waiting.reason"), "PodInitializing")
	s.same("a program that is not there", s.get("pod/no-program", ended+".reason"), "StartError")
	s.says("its message", s.get("pod/no-program", ended+".message"), "no such file or directory")
	s.event("no-program", "Warning", "Failed", "no such file or directory")
	s.becomes("pod/always", ".status.containerStatuses[0].state.waiting.reason", "CrashLoopBackOff")
	s.event("always", "Warning", "BackOff", "Back-off restarting failed container main in pod always_"+s.name)
	s.eventually("the column of a failing init container", func() error {
		out, err := s.try("get", "pods", "--no-headers")
		for _, want := range []string{"init-fails Init:Error", "init-loops Init:CrashLoopBackOff", "succeeds Completed", "fails Error", "too-much OOMKilled", "always CrashLoopBackOff"} {
			name, status, _ := strings.Cut(want, " ")
			if err == nil && !hasRow(out, name, status) {
				err = fmt.Errorf("no %s in\n%s", want, out)
			}
		}
		return err
	})
}

// hasRow looks for a pod's name and status in a table.
func hasRow(table, name, status string) bool {
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[0] == name && fields[2] == status {
			return true
		}
	}
	return false
}

// TestIsolation looks around in pods that are more, or less, apart from the node than usual.
func TestIsolation(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("isolation")
	s.up("user", "host", "shared")
	s.lines("a user's view", s.sh("user/main", `echo "id $(id -u) $(id -g) $(id -G)"; touch /x 2>&1; touch /disk/x; stat -c 'disk %a %g' /disk; stat -c 'file %u %g' /disk/x
grep -E 'CapEff|NoNewPrivs|Seccomp:' /proc/self/status | tr -d '\t'; hostname; hostname -f; cat /proc/sys/net/ipv4/ip_unprivileged_port_start; cat /etc/hosts; cat /etc/resolv.conf`),
		"id 1000 2000 2000 3000 4000", "touch: cannot touch '/x': Read-only file system", "disk 2777 3000", "file 1000 3000",
		"CapEff:0000000000000000", "NoNewPrivs:1", "Seccomp:2", "named", "named.sub."+s.name+".svc.cluster.local", "80",
		"192.0.2.7\talias.example\tother", s.get("pod/user", ".status.podIP")+"\tnamed.sub."+s.name+".svc.cluster.local\tnamed",
		"nameserver 10.43.0.10", "search "+s.name+".svc.cluster.local svc.cluster.local cluster.local", "options ndots:5")
	s.lines("capabilities", s.sh("user/capable", "grep CapEff /proc/self/status | tr -d '\t'"), "CapEff:0000000000001001")
	s.same("a privileged container's seccomp", s.sh("user/privileged", "grep Seccomp: /proc/self/status | tr -d '\t'"), "Seccomp:0")
	s.same("the devices of a privileged container", s.sh("user/privileged", "test -e /dev/kmsg -o -e /dev/loop-control -o -e /dev/fuse -o -e /dev/net && echo yes"), "yes")
	s.says("the name of a pod in DNS", s.sh("shared/main", "nslookup named.sub."+s.name+".svc.cluster.local 10.43.0.10"), s.get("pod/user", ".status.podIP"))

	s.same("the address of a pod on the host's network", s.get("pod/host", ".status.podIP"), s.cluster.Machine.IP)
	s.same("its port", s.get("pod/host", ".spec.containers[0].ports[0].hostPort"), "18080")
	s.lines("the host's view", s.sh("host", "hostname; cat /proc/[0-9]*/comm 2>/dev/null; true"), s.cluster.Machine.Name, "containerd")

	s.lines("a shared process namespace", s.sh("shared/main", `cat /proc/1/comm; cat /proc/*/cmdline 2>/dev/null | tr '\0' ' '; echo; cat /etc/resolv.conf`),
		"pause", "nameserver 192.0.2.53", "search example.org", "options ndots:2 edns0")
	s.says("the other container's process", s.sh("shared/main", `cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' '`), "sleep 4242")

	s.becomes("pod/root-refused", ".status.containerStatuses[0].state.waiting.reason", "CreateContainerConfigError")
	s.event("root-refused", "Warning", "Failed", "Error: container has runAsNonRoot and image will run as root (pod: \"root-refused_"+s.name)
}

// TestHostPaths checks what volumes demand of the node, and that pods wait for what is missing.
func TestHostPaths(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	if err := os.MkdirAll(filepath.Join(s.dir(), "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(s.dir(), "file"), []byte("of the host\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	s.manifest("hostpath")
	s.up("paths")
	s.same("a file of the host", s.sh("paths", "cat /v/file; echo written > /v/folder/x; echo made > /v/made-file; touch /v/made/y; touch /v/below/z"), "of the host")
	for name, want := range map[string]string{"folder/x": "written\n", "made-file": "made\n", "made/y": "", "folder/deep/below/z": ""} {
		if got, err := os.ReadFile(filepath.Join(s.dir(), name)); err != nil || string(got) != want {
			t.Errorf("%s on the host: %q, %v", name, got, err)
		}
	}
	s.event("wrong", "Warning", "FailedMount", `MountVolume.SetUp failed for volume "x" : hostPath type check failed: `+s.dir()+"/file is not a directory")
	s.event("no-map", "Warning", "FailedMount", `MountVolume.SetUp failed for volume "x" : configmap "comes-later" not found`)
	s.becomes("pod/no-key", ".status.containerStatuses[0].state.waiting.reason", "CreateContainerConfigError")
	s.event("no-key", "Warning", "Failed", `Error: secret "comes-later" not found`)
	s.kubectl("create", "configmap", "comes-later", "--from-literal=x=1")
	s.kubectl("create", "secret", "generic", "comes-later", "--from-literal=x=1")
	s.up("no-map", "no-key")
}

// TestImages checks the words that people search for when an image does not come.
func TestImages(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("images")
	const waiting = ".status.containerStatuses[0].state.waiting"
	s.becomes("pod/never", waiting+".reason", "ErrImageNeverPull")
	s.same("its message", s.get("pod/never", waiting+".message"), `Container image "docker.io/coxswain/absent:v1" is not present with pull policy of Never`)
	s.event("never", "Warning", "ErrImageNeverPull", `Container image "docker.io/coxswain/absent:v1" is not present with pull policy of Never`)
	s.event("never", "Warning", "Failed", "Error: ErrImageNeverPull")
	s.becomes("pod/misspelt", waiting+".reason", "InvalidImageName")
	s.event("misspelt", "Warning", "InspectFailed", `Failed to apply default image tag "Not//An:Image": couldn't parse image name "Not//An:Image": invalid reference format`)
	s.becomes("pod/missing", waiting+".reason", "ImagePullBackOff")
	s.says("its message", s.get("pod/missing", waiting+".message"), `Back-off pulling image "127.0.0.1:9/coxswain/absent:v1"`)
	s.event("missing", "Normal", "Pulling", `Pulling image "127.0.0.1:9/coxswain/absent:v1"`)
	s.event("missing", "Warning", "Failed", `Failed to pull image "127.0.0.1:9/coxswain/absent:v1": `)
	s.event("missing", "Warning", "Failed", "Error: ErrImagePull")
	s.event("missing", "Normal", "BackOff", `Back-off pulling image "127.0.0.1:9/coxswain/absent:v1"`)
	s.event("missing", "Warning", "Failed", "Error: ImagePullBackOff")
	s.up("present")
	s.event("present", "Normal", "Pulled", `Container image "docker.io/coxswain/toolbox:v1" already present on machine`)
	s.same("the policy of a tagged image", s.get("pod/present", ".spec.containers[0].imagePullPolicy"), "IfNotPresent")
	if id := s.get("pod/present", ".status.containerStatuses[0].imageID"); !strings.Contains(id, "sha256:") {
		t.Errorf("the image's id is %q", id)
	}
}

// TestHooks stops pods and reads what they wrote to the host on their way.
func TestHooks(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	s.manifest("hooks")
	s.up("hooked", "stubborn")
	s.event("bad-hook", "Warning", "FailedPostStartHook", "PostStartHook failed")
	s.kubectl("delete", "pod", "hooked", "--timeout", patience.String())
	written, err := os.ReadFile(filepath.Join(s.dir(), "hooked"))
	if err != nil || string(written) != "started\nstopping\nstopped\nterm\n" {
		t.Errorf("the hooked pod wrote %q, %v", written, err)
	}
	started := time.Now()
	s.kubectl("delete", "pod", "stubborn", "--grace-period=2")
	if took := time.Since(started); took < 1500*time.Millisecond || took > 30*time.Second {
		t.Errorf("stopping a stubborn pod took %s, want about 2s", took)
	}
	if written, err := os.ReadFile(filepath.Join(s.dir(), "stubborn")); err != nil || string(written) != "term\n" {
		t.Errorf("the stubborn pod wrote %q, %v", written, err)
	}
}
