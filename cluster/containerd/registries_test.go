package containerd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const registriesYAML = `
mirrors:
  registry.k8s.io: {endpoint: ["http://192.0.2.1:5000", "https://mirror.example/proxy/k8s"]}
  "*": {endpoint: [mirror.example]}
configs:
  mirror.example:
    auth: {username: u, password: 'p"q'}
    tls: {ca_file: /ca.pem, cert_file: /c.pem, key_file: /k.pem}
  other.example:5000:
    tls: {insecure_skip_verify: true}
`

func TestRegistries(t *testing.T) {
	file := filepath.Join(t.TempDir(), "registries.yaml")
	if err := os.WriteFile(file, []byte(registriesYAML), 0o600); err != nil {
		t.Fatal(err)
	}
	registries, err := ReadRegistries(file)
	if err != nil {
		t.Fatal(err)
	}
	files, err := registries.Files()
	if err != nil {
		t.Fatal(err)
	}
	tls := "ca = \"/ca.pem\"\nclient = [[\"/c.pem\", \"/k.pem\"]]\n"
	want := map[string]string{
		"registry.k8s.io/hosts.toml": "[host.\"http://192.0.2.1:5000\"]\ncapabilities = ['pull', 'resolve']\n" +
			"[host.\"https://mirror.example/proxy/k8s\"]\ncapabilities = ['pull', 'resolve']\noverride_path = true\n" + tls,
		"_default/hosts.toml":           "[host.\"https://mirror.example\"]\ncapabilities = ['pull', 'resolve']\n" + tls,
		"mirror.example/hosts.toml":     "[host.\"https://mirror.example\"]\ncapabilities = ['pull', 'resolve']\n" + tls,
		"other.example:5000/hosts.toml": "[host.\"https://other.example:5000\"]\ncapabilities = ['pull', 'resolve']\nskip_verify = true\n",
	}
	if diff := cmp.Diff(want, files); diff != "" {
		t.Error(diff)
	}
	wantAuth := "[plugins.'io.containerd.cri.v1.images'.registry.configs.\"mirror.example\".auth]\nusername = \"u\"\npassword = \"p\\\"q\"\n"
	if diff := cmp.Diff(wantAuth, registries.auths()); diff != "" {
		t.Error(diff)
	}
}

func TestNoRegistries(t *testing.T) {
	registries, err := ReadRegistries(filepath.Join(t.TempDir(), "none.yaml"))
	if err != nil || len(registries.hosts()) != 0 {
		t.Errorf("got %v, %v", registries, err)
	}
}

// containerd's transfer service takes one folder, not a list of them.
func TestOneFolderOfRegistries(t *testing.T) {
	dir := t.TempDir()
	r := &Runtime{Root: filepath.Join(dir, "root"), State: filepath.Join(dir, "state")}
	if err := r.Prepare(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(r.config())
	if err != nil || !strings.Contains(string(text), "config_path = '/etc/containerd/certs.d'\n") {
		t.Errorf("%v: %s", err, text)
	}
	r.Registries = &Registries{Mirrors: map[string]Mirror{"a.example": {Endpoint: []string{"http://b.example"}}}}
	if err := r.Prepare(); err != nil {
		t.Fatal(err)
	}
	text, err = os.ReadFile(r.config())
	if err != nil || !strings.Contains(string(text), "config_path = '"+dir+"/certs.d'\n") {
		t.Errorf("%v: %s", err, text)
	}
}

func TestOtherHostsStay(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	for _, name := range []string{from + "/ours", from + "/theirs", to + "/ours"} {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := linkOthers(from, to); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(to + "/ours"); err != nil || !info.IsDir() {
		t.Errorf("ours: %v, %v", info, err)
	}
	if target, err := os.Readlink(to + "/theirs"); err != nil || target != from+"/theirs" {
		t.Errorf("theirs: %s, %v", target, err)
	}
}
