package e2e

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestEtcdctl looks into the cluster's etcd with the etcdctl that the program carries, as its user would: without naming
// endpoints or certificates, and then on the port and the socket.
func TestEtcdctl(t *testing.T) {
	t.Parallel()
	s := newSpace(t)
	dir := s.cluster.DataDir()
	etcdctl := func(args ...string) string {
		s.Helper()
		return s.must(s.onMachine(append([]string{"env", "COXSWAIN_DATA_DIR=" + dir, s.cluster.Program(), "etcdctl"}, args...)...))
	}
	s.says("members", etcdctl("member", "list", "-w", "table"), "│ started │ coxswain │", "│ https://127.0.0.1:2379 │", "IS LEARNER")
	s.kubectl("create", "configmap", "seen", "--from-literal=a=b")
	key := "/registry/configmaps/" + s.name + "/seen"
	s.says("keys", etcdctl("get", "/", "--prefix", "--keys-only"), key, "/registry/namespaces/default", "/registry/services/specs/default/kubernetes")
	s.says("value", etcdctl("get", key), "k8s\x00", "ConfigMap")
	s.same("put", etcdctl("put", "/e2e/"+s.name, "x"), "OK")
	s.same("get", etcdctl("get", "/e2e/"+s.name, "--print-value-only"), "x")
	s.same("del", etcdctl("del", "/e2e/"+s.name), "1")
	s.says("health", etcdctl("endpoint", "health"), "https://127.0.0.1:2379 is healthy")
	s.says("status", etcdctl("endpoint", "status", "-w", "table"), "https://127.0.0.1:2379", "8.6 GB")
	s.same("alarms", etcdctl("alarm", "list"), "")
	s.says("defrag", etcdctl("defrag"), "Finished defragmenting etcd member")
	s.says("after it", s.kubectl("get", "configmap", "seen", "-o", "name"), "configmap/seen")
	s.says("socket", etcdctl("--endpoints", "unix://"+filepath.Join(dir, "etcd.sock"), "endpoint", "health"), "is healthy")

	file := filepath.Join(t.TempDir(), "snapshot.db")
	s.says("save", etcdctl("snapshot", "save", file), "Snapshot saved at "+file)
	s.says("its status", etcdctl("snapshot", "status", file, "-w", "table"), "TOTAL KEYS")
	restored := filepath.Join(t.TempDir(), "restored")
	etcdctl("snapshot", "restore", file, "--data-dir", restored)
	if found := s.must(s.onMachine("ls", filepath.Join(restored, "member"))); !strings.Contains(found, "snap") || !strings.Contains(found, "wal") {
		t.Errorf("restored are %q", found)
	}

	// Whoever has no certificate of etcd's own authority is turned away.
	_, err := s.onMachine("curl", "-sk", "--max-time", "10", "https://127.0.0.1:2379/version")
	if err == nil {
		t.Error("a client without a certificate was let in")
	}
	with := []string{"--cacert", filepath.Join(dir, "pki/etcd/ca.crt"), "--cert", filepath.Join(dir, "pki/etcd/client.crt"), "--key", filepath.Join(dir, "pki/etcd/client.key")}
	s.says("with one", s.must(s.onMachine(append([]string{"curl", "-s", "https://127.0.0.1:2379/health"}, with...)...)), `"health":"true"`)
}
