package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// remote runs on the node that has joined: a web server with a Service.
const remote = `
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec:
  nodeName: NODE
  terminationGracePeriodSeconds: 0
  containers:
  - name: web
    image: docker.io/coxswain/toolbox:v1
    command: [sh, -c, "echo serving; mkdir /w; hostname > /w/index.html; exec busybox httpd -f -p 8080 -h /w"]
    readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: page}
spec:
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080}]
`

// TestJoiningNodes has a second machine join: it is refused what it may not do, runs pods as the first one does, and goes on when
// the server or its own agent is restarted and when its certificates are renewed.
func TestJoiningNodes(t *testing.T) {
	t.Parallel()
	s := newJoiningSpace(t)
	s.refusals()
	s.joins()
	s.worksAsANode()
	s.keepsVolumes()
	s.survivesTheServer()
	s.startsAgainWithWhatItKnows()
	s.renewsItsCertificates()
	s.leaves()
}

type joiningSpace struct {
	*space
	agent *env.Agent
}

func newJoiningSpace(t *testing.T) joiningSpace {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cluster, err := env.NewCluster(ctx, octet()+4, "--cluster-signing-duration=40s")
	if err != nil {
		t.Fatal(err)
	}
	agent, err := cluster.NewAgent(ctx, octet()+5)
	if err != nil {
		t.Fatal(errors.Join(err, cluster.Close()))
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server's log:\n%s\nthe agent's log:\n%s", cluster.Log(), agent.Log())
		}
		if err := errors.Join(agent.Close(), cluster.Close()); err != nil {
			t.Error(err)
		}
	})
	return joiningSpace{newSpaceOn(t, cluster), agent}
}

// token is what the server keeps for those who want to join.
func (s joiningSpace) token() string {
	s.Helper()
	text, err := os.ReadFile(filepath.Join(s.cluster.DataDir(), "token"))
	if err != nil {
		s.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// refusals: each ends the agent with one sentence that says what is wrong.
func (s joiningSpace) refusals() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	defer cancel()
	token := s.token()
	zeros := strings.Repeat("0", 64)
	for _, test := range []struct {
		words string
		flags []string
	}{
		{"this machine is no member of a cluster yet", []string{"--server", s.cluster.URL()}},
		{"no API server is known", []string{"--token", token}},
		{"has not the form abcdef.0123456789abcdef", []string{"--server", s.cluster.URL(), "--token", "sesame"}},
		{"is not the one that was pinned", []string{"--server", s.cluster.URL(), "--token", "K10" + zeros + token[len("K10")+64:]}},
		{"is not the one that was pinned", []string{"--server", s.cluster.URL(), "--token", token[len("K10")+64+2:], "--discovery-token-ca-cert-hash", "sha256:" + zeros}},
		{"does not know the token zzzzzz", []string{"--server", s.cluster.URL(), "--token", token[:len("K10")+64+2] + "zzzzzz.0123456789abcdef"}},
		{"does not know this token", []string{"--server", s.cluster.URL(), "--token", "zzzzzz.0123456789abcdef"}},
	} {
		out, err := s.agent.Command(ctx, test.flags...).CombinedOutput()
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		if last := lines[len(lines)-1]; err == nil || !strings.Contains(last, test.words) {
			s.Errorf("agent %v: %v, %s, want %q", test.flags, err, out, test.words)
		}
	}
}

// coxswain runs a command on the server's machine.
func (s joiningSpace) coxswain(args ...string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := s.cluster.Machine.Command(ctx, s.cluster.Program(), args...)
	command.Env = append(command.Env, "COXSWAIN_DATA_DIR="+s.cluster.DataDir())
	out, err := command.CombinedOutput()
	if err != nil {
		s.Fatalf("coxswain %v: %v: %s", args, err, out)
	}
	return string(out)
}

func (s joiningSpace) start(flags ...string) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.agent.Start(ctx, flags...); err != nil {
		s.Fatal(err)
	}
	s.kubectl("wait", "node/"+s.agent.Machine.Name, "--for=condition=Ready", "--timeout", patience.String())
}

func (s joiningSpace) joins() {
	s.Helper()
	command := strings.Fields(s.coxswain("token", "create", "--print-join-command", "--description", "for a test"))
	s.says("the tokens", s.coxswain("token", "list"), "TOKEN", "EXTRA GROUPS", "for a test", "23h", "<forever>", "authentication,signing", "system:bootstrappers:kubeadm:default-node-token")
	s.start(command[2:]...)
	id, _, _ := strings.Cut(command[len(command)-1][len("K10")+64+2:], ".")
	s.same("a token that is not needed any more", s.coxswain("token", "delete", id), fmt.Sprintf("bootstrap token %q deleted", id))
	s.same("its address", s.get("node/"+s.agent.Machine.Name, `.status.addresses[?(@.type=="InternalIP")].address`), s.agent.Machine.IP)
	s.same("its port", s.get("node/"+s.agent.Machine.Name, ".status.daemonEndpoints.kubeletEndpoint.Port"), "10250")
	if mine, other := s.get("node/"+s.agent.Machine.Name, ".spec.podCIDR"), s.get("node/"+s.cluster.Machine.Name, ".spec.podCIDR"); mine == other || mine == "" {
		s.Errorf("the nodes' pods have the networks %q and %q", mine, other)
	}
}

// keepsVolumes: a claim of a pod that goes to the second machine gets a folder there, and loses it when it is deleted.
func (s joiningSpace) keepsVolumes() {
	s.Helper()
	s.apply(strings.ReplaceAll(keeper, "NODE", s.agent.Machine.Name))
	s.up("keeper")
	volume := s.get("pvc/kept", ".spec.volumeName")
	folder := s.get("pv/"+volume, ".spec.local.path")
	if _, err := os.Stat(filepath.Join(folder, "file")); err != nil || !strings.HasPrefix(folder, s.agent.Machine.Dir) {
		s.Errorf("the data is in %s: %v", folder, err)
	}
	s.kubectl("delete", "pod/keeper", "pvc/kept")
	s.kubectl("wait", "--for=delete", "pv/"+volume, "--timeout", patience.String())
	if _, err := os.Lstat(folder); !os.IsNotExist(err) {
		s.Errorf("the data is still there: %v", err)
	}
}

// keeper writes to a claim on the node that has joined.
const keeper = `
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: kept}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}
---
apiVersion: v1
kind: Pod
metadata: {name: keeper}
spec:
  nodeSelector: {kubernetes.io/hostname: NODE}
  terminationGracePeriodSeconds: 0
  containers:
  - name: main
    image: docker.io/coxswain/toolbox:v1
    command: [sh, -c, "touch /d/file; exec sleep 100000"]
    readinessProbe: {exec: {command: [test, -f, /d/file]}, periodSeconds: 1}
    volumeMounts: [{name: d, mountPath: /d}]
  volumes: [{name: d, persistentVolumeClaim: {claimName: kept}}]
`

// worksAsANode reaches a pod on the node in every way that goes through the API server or the network.
func (s joiningSpace) worksAsANode() {
	s.Helper()
	s.apply(strings.ReplaceAll(remote, "NODE", s.agent.Machine.Name))
	s.kubectl("run", "visitor", "--image="+toolbox, fmt.Sprintf(`--overrides={"spec":{"nodeName":%q,"terminationGracePeriodSeconds":0}}`, s.cluster.Machine.Name),
		"--command", "--", "sleep", "86399")
	s.up("web", "visitor")
	s.reached()
	for _, from := range []string{"visitor", "web"} {
		s.eventually("the Service from "+from, func() error {
			out, err := s.try("exec", from, "--", "curl", "-sS", "-m", "5", "http://page/")
			if err == nil && strings.TrimSpace(out) != "web" {
				err = errors.New(out)
			}
			return err
		})
	}
	s.same("through the API server", s.kubectl("get", "--raw", "/api/v1/namespaces/"+s.name+"/services/page/proxy/"), "web")
	s.eventually("its use of resources", func() error {
		out, err := s.try("top", "pod", "web", "--no-headers")
		if err == nil && !strings.HasPrefix(out, "web") {
			err = errors.New(out)
		}
		return err
	})
	s.forwards()
}

// reached checks what the API server asks of the node's kubelet.
func (s joiningSpace) reached() {
	s.Helper()
	s.same("the log", s.kubectl("logs", "web"), "serving")
	s.same("a command", s.kubectl("exec", "web", "--", "hostname"), "web")
}

func (s joiningSpace) forwards() {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := s.cluster.KubectlCommand(ctx, "-n", s.name, "port-forward", "pod/web", "18080:8080")
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Start(); err != nil {
		s.Fatal(err)
	}
	defer func() { cancel(); _ = command.Wait() }()
	s.eventually("port-forward", func() error {
		connection, err := s.cluster.Machine.Dial(ctx, "tcp", "127.0.0.1:18080")
		if err != nil {
			return err
		}
		defer connection.Close()
		return get(connection)
	})
}

// get asks for a page on a connection.
func get(connection net.Conn) error {
	if err := connection.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return err
	}
	if _, err := connection.Write([]byte("GET / HTTP/1.0\r\n\r\n")); err != nil {
		return err
	}
	page := make([]byte, 1024)
	n, err := connection.Read(page)
	if err != nil || !bytes.HasPrefix(page[:n], []byte("HTTP/1.")) {
		return fmt.Errorf("got %q, %w", page[:n], err)
	}
	return nil
}

// survivesTheServer restarts the server: pods go on, and the agent takes new ones afterwards.
func (s joiningSpace) survivesTheServer() {
	s.Helper()
	before := s.get("pod/web", ".status.containerStatuses[0].containerID")
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Kill} {
		if _, err := s.cluster.Stop(signal); err != nil {
			s.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		err := s.cluster.Start(ctx, "--cluster-signing-duration=40s")
		cancel()
		if err != nil {
			s.Fatal(err)
		}
		name := "after-" + strings.ToLower(strings.NewReplacer(" ", "-").Replace(signal.String()))
		s.kubectl("run", name, "--image="+toolbox, fmt.Sprintf(`--overrides={"spec":{"nodeName":%q,"terminationGracePeriodSeconds":0}}`, s.agent.Machine.Name),
			"--command", "--", "sleep", "86399")
		s.up(name)
		s.reached()
	}
	s.same("the container", s.get("pod/web", ".status.containerStatuses[0].containerID"), before)
	if !s.agent.Running() {
		s.Errorf("the agent has ended:\n%s", s.agent.Log())
	}
}

// startsAgainWithWhatItKnows restarts the agent without a token, and with a server that is not there any more.
func (s joiningSpace) startsAgainWithWhatItKnows() {
	s.Helper()
	before := s.get("pod/web", ".status.containerStatuses[0].containerID")
	if took, err := s.agent.Stop(syscall.SIGTERM); err != nil || took > 30*time.Second {
		s.Errorf("the agent took %s to end: %v", took, err)
	}
	s.start("--server", "https://"+net.JoinHostPort(s.cluster.Machine.IP, "9"))
	s.reached()
	s.same("the container", s.get("pod/web", ".status.containerStatuses[0].containerID"), before)
}

// renewsItsCertificates waits until each was replaced, and uses the new ones.
func (s joiningSpace) renewsItsCertificates() {
	s.Helper()
	files, err := filepath.Glob(filepath.Join(s.agent.DataDir(), "agent", "*.pem"))
	if err != nil || len(files) != 4 {
		s.Fatalf("the certificates are %v, %v", files, err)
	}
	before := map[string][]byte{}
	for _, file := range files {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			s.Errorf("%s: %v, %v", file, info, err)
		}
		if before[file], err = os.ReadFile(file); err != nil {
			s.Fatal(err)
		}
	}
	for _, file := range files {
		s.eventually("another "+filepath.Base(file), func() error {
			after, err := os.ReadFile(file)
			if err == nil && bytes.Equal(before[file], after) {
				err = errors.New("it is the same")
			}
			return err
		})
	}
	s.reached()
	s.kubectl("delete", "pod", "web", "--timeout", patience.String())
}

// leaves removes the node: what belongs to it goes with it.
func (s joiningSpace) leaves() {
	s.Helper()
	if _, err := s.agent.Stop(syscall.SIGTERM); err != nil {
		s.Error(err)
	}
	s.kubectl("delete", "node", s.agent.Machine.Name)
	s.eventually("what belongs to the node goes", func() error {
		out, err := s.try("get", "endpointslices,leases", "-A", "-o", "name")
		if err == nil && strings.Contains(out, s.agent.Machine.Name) {
			err = errors.New(out)
		}
		return err
	})
}
