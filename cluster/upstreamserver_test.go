package cluster

import (
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/cluster/machines"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
	"github.com/coxswain-k8s/coxswain/cluster/state"
)

// upstreamServer is upstream's kube-apiserver on upstream's etcd.
type upstreamServer struct {
	config *rest.Config
	etcd   string // URL
	stop   func()
}

func startUpstream(t *testing.T, programs, dir string) *upstreamServer {
	t.Helper()
	client, peer := strings.Replace(freeURL(t), "https", "http", 1), strings.Replace(freeURL(t), "https", "http", 1)
	secure := freeURL(t)
	host, port, err := net.SplitHostPort(strings.TrimPrefix(secure, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pki.SigningKey(dir); err != nil {
		t.Fatal(err)
	}
	tokens, key := filepath.Join(dir, "tokens.csv"), filepath.Join(dir, "sa.key")
	if err := os.WriteFile(tokens, []byte("secret,admin,1,system:masters\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stopEtcd := startProgram(t, filepath.Join(programs, "etcd"), "--data-dir="+filepath.Join(dir, "upstream"), "--listen-client-urls="+client,
		"--advertise-client-urls="+client, "--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=default="+peer, "--unsafe-no-fsync")
	stopServer := startProgram(t, filepath.Join(programs, "kube-apiserver"), "--etcd-servers="+client, "--secure-port="+port, "--bind-address="+host,
		"--cert-dir="+filepath.Join(dir, "certificates"), "--token-auth-file="+tokens, "--authorization-mode=Node,RBAC", "--allow-privileged=true",
		"--service-cluster-ip-range=10.43.0.0/16", "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+key, "--service-account-signing-key-file="+key)
	up := &upstreamServer{etcd: client, stop: func() { stopServer(); stopEtcd() }}
	up.config = &rest.Config{Host: secure, BearerToken: "secret", QPS: -1, TLSClientConfig: rest.TLSClientConfig{Insecure: true}}
	h, err := rest.HTTPClientFor(up.config)
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "waiting for upstream's server", func() error {
		answer, err := h.Get(secure + "/readyz")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if answer.StatusCode != 200 {
			return os.ErrNotExist
		}
		return nil
	})
	return up
}

// startProgram returns what stops it, which also happens at the end of the test.
func startProgram(t *testing.T, name string, args ...string) func() {
	t.Helper()
	command := exec.Command(name, args...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := machines.Start(command); err != nil {
		t.Fatal(err)
	}
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		_ = command.Process.Signal(syscall.SIGTERM)
		hang := time.AfterFunc(20*time.Second, func() { _ = command.Process.Kill() })
		defer hang.Stop()
		_ = command.Wait()
		if t.Failed() {
			t.Logf("%s: …%s", name, out.Bytes()[max(0, out.Len()-2000):])
		}
	}
	t.Cleanup(stop)
	return stop
}

func rangeOf(t *testing.T, url string) []storage.Record {
	t.Helper()
	page, err := connectTo(t, state.Access{Endpoints: []string{url}}).Range(t.Context(), storage.Range{Prefix: storage.Root})
	if err != nil {
		t.Fatal(err)
	}
	return page.Records
}

func keysOf(t *testing.T, url string) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	for _, r := range rangeOf(t, url) {
		keys[r.Key] = true
	}
	return keys
}

// valuesOf are those that are new, and not about where the server is.
func valuesOf(t *testing.T, url string, before map[string]bool) (all []storage.Record) {
	t.Helper()
	for _, r := range rangeOf(t, url) {
		if !before[r.Key] && !strings.HasSuffix(r.Key, "/default/kubernetes") && !strings.HasSuffix(r.Key, "/10.43.0.1") {
			all = append(all, r)
		}
	}
	return all
}

// writeFixture keeps the values with their objects, one a line.
func writeFixture(t *testing.T, values []storage.Record, objects map[string]json.RawMessage) {
	t.Helper()
	var out bytes.Buffer
	for _, r := range values {
		kind, err := codec.PeekKind(r.Value)
		if err != nil {
			t.Fatal(err)
		}
		path := strings.Split(r.Key, "/")
		object := objectAt(objects, kind.GroupKind(), path[len(path)-1])
		if object == nil {
			t.Logf("%s is not kept: it is no object", r.Key)
			continue
		}
		line, err := json.Marshal(stored{Key: r.Key, Value: r.Value, Object: object})
		if err != nil {
			t.Fatal(err)
		}
		out.Write(append(line, '\n'))
	}
	if err := os.WriteFile(fixture, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// objectAt finds one by its name, in whatever version: some are stored in an older one than is served.
func objectAt(objects map[string]json.RawMessage, kind schema.GroupKind, name string) json.RawMessage {
	for n, object := range objects {
		words := strings.Fields(n)
		if schema.FromAPIVersionAndKind(words[0], words[1]).GroupKind() == kind && strings.HasSuffix(n, "/"+name) {
			return object
		}
	}
	return nil
}
