package runtime

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// TestConfig turns the pods of testdata/*.in.yaml into what CRI is asked for and compares with *.out.yaml.
func TestConfig(t *testing.T) {
	pairs.Each(t, "testdata/*.in.yaml", ".out.yaml", func(t *testing.T, in []byte) []byte {
		pod := &corev1.Pod{}
		if err := yaml.UnmarshalStrict(in, pod); err != nil {
			t.Fatal(err)
		}
		return render(t, pod)
	})
}

// render shows the sandbox and its containers, with a node that has no other input than the test's.
func render(t *testing.T, pod *corev1.Pod) []byte {
	root := t.TempDir()
	resolv := filepath.Join(root, "resolv.conf")
	if err := os.WriteFile(resolv, []byte("nameserver 192.0.2.53\nsearch corp.example\noptions rotate\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	node := &NodeInput{
		RootDir: root, LogDir: root + "/logs", MemoryCapacity: 4 << 30, OOMScoreFloor: -1000,
		DNS: DNS{ClusterDNS: []string{"10.43.0.10"}, ClusterDomain: "cluster.local", ResolvConf: resolv},
	}
	show := map[string]any{}
	add := func(name string, v any, err error) {
		if err != nil {
			show[name] = "error: " + err.Error()
			return
		}
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		var tree map[string]any
		if err := json.Unmarshal([]byte(strings.ReplaceAll(string(raw), root, "ROOT")), &tree); err != nil {
			t.Fatal(err)
		}
		show[name] = tree
	}
	sandbox, err := node.SandboxConfig(pod, 0, "/kubepods/pod")
	add("sandbox", sandbox, err)
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		in := ContainerInput{Node: node, Pod: pod, Container: c, ImageRef: "sha256:1", HostsPath: root + "/etc-hosts"}
		config, err := in.Config()
		add("container "+c.Name, config, err)
	}
	out, err := yaml.Marshal(show)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
