package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/cluster/programs"
)

// What controller-runtime's envtest looks for in the help of both programs.
func TestHelpOfPersonalities(t *testing.T) {
	for name, has := range map[string]map[string]bool{
		"kube-apiserver":           {"--insecure-port": false, "--etcd-servers": true, "--secure-port": true, "--simulate-nodes": true},
		"etcd":                     {"--unsafe-no-fsync": true, "--listen-client-urls": true},
		"kube-controller-manager":  {"--version": true},
		"kube-scheduler":           {"--version": true},
		"cloud-controller-manager": {"--cloud-provider": true, "--concurrent-service-syncs": true, "--secure-port": true},
	} {
		out, _, err := coxswain(t, "/opt/bin/"+name, "--help")
		if err != nil {
			t.Errorf("%s --help: %v", name, err)
		}
		for flag, want := range has {
			if got := strings.Contains(out, "\n      "+flag+" "); got != want {
				t.Errorf("%s --help shows %s: %t, want %t\n%s", name, flag, got, want, out)
			}
		}
	}
}

func TestMistakesOfPersonalities(t *testing.T) {
	for want, args := range map[string][]string{
		"unknown flag: --insecure-port":            {"kube-apiserver", "--insecure-port=0"},
		"not supported: connections would leave":   {"kube-apiserver", "--egress-selector-config-file=x"},
		"not supported: it is always etcd3":        {"kube-apiserver", "--storage-backend=etcd2"},
		"--service-cluster-ip-range=ten: not":      {"kube-apiserver", "--service-cluster-ip-range=ten"},
		"--controllers=rudder: unknown; known are": {"kube-apiserver", "--controllers=rudder"},
		"unknown flag: --data-dirr":                {"etcd", "--data-dirr=x"},
		"--initial-cluster-state=old: want new":    {"etcd", "--initial-cluster-state=old"},
		"not supported: api/beta would be served":  {"kube-apiserver", "--runtime-config=api/all=true,api/beta=false"},
		"not supported: connections would be made": {"kube-apiserver", "--tls-curve-preferences=X25519"},
		"not supported: it is always true":         {"kube-apiserver", "--allow-privileged=false"},
		"not supported: it is always false":        {"kube-apiserver", "--disable-http2-serving=true"},
		`unknown tls version "TLS1.3"`:             {"kube-apiserver", "--tls-min-version=TLS1.3"},
		"Cipher suite ROT13 not supported":         {"kube-apiserver", "--tls-cipher-suites=ROT13"},
		"--client-cert-auth needs --trusted":       {"etcd", "--client-cert-auth"},
		"--peer-client-cert-auth needs --peer-tr":  {"etcd", "--peer-client-cert-auth"},
		"unexpected TLS version":                   {"etcd", "--tls-min-version=TLS1.1", "--data-dir=" + t.TempDir()},
		`--snapshot-count=many: parse error`:       {"etcd", "--snapshot-count=many", "--data-dir=" + t.TempDir()},
		"not supported: it is always *":            {"etcd", "--cors=example.org"},
		"cannot specify cert without key":          {"kube-controller-manager", "--kubeconfig=x", "--cluster-signing-cert-file=ca.crt"},
		"--kubeconfig or --master is needed":       {"kube-scheduler"},
		"--cloud-provider cannot be empty":         {"cloud-controller-manager"},
		"--cloud-provider=sea: unknown cloud":      {"cloud-controller-manager", "--cloud-provider=sea"},
		`"rudder" is not in the list of known`:     {"cloud-controller-manager", "--cloud-provider=local", "--controllers=*,-rudder"},
		"--cluster-cidr is required":               {"cloud-controller-manager", "--cloud-provider=local", "--allocate-node-cidrs"},
		"must match major/minor/patch of default":  {"kube-apiserver", "--version=v1.36.2"},
		`parsing "1.36.3": invalid syntax`:         {"kube-scheduler", "--version=1.36.3"},
		"missing bool value for CBORServing":       {"kube-apiserver", "--feature-gates=CBORServingAndStorage"},
		"--cloud-provider=gce: want external":      {"coxswain", "server", "--cloud-provider=gce"},
	} {
		if _, _, err := coxswain(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

// What kubectl is told of clusters, when nothing else names one.
func TestKubectlEnvironment(t *testing.T) {
	for name, test := range map[string]struct {
		files      []string
		args       []string
		kubeconfig string // below the folder
		advice     string
	}{
		"no cluster":          {nil, nil, "", "There is no cluster in DIR: start one with `coxswain server`"},
		"a server's":          {[]string{"admin.kubeconfig", "clusters/dev/admin.kubeconfig"}, nil, "admin.kubeconfig", "not running, by DIR/admin.kubeconfig: `coxswain server`"},
		"that of up":          {[]string{"clusters/dev/admin.kubeconfig"}, nil, "clusters/dev/admin.kubeconfig", "by DIR/clusters/dev/admin.kubeconfig: `coxswain node list`"},
		"two of up":           {[]string{"clusters/a/admin.kubeconfig", "clusters/b/admin.kubeconfig"}, nil, "", "KUBECONFIG to one of DIR/clusters/a/admin.kubeconfig, DIR/clusters/b/"},
		"another server":      {[]string{"admin.kubeconfig"}, []string{"get", "--server=https://h"}, "admin.kubeconfig", ""},
		"another server's":    {nil, []string{"-s", "https://h", "get"}, "", ""},
		"another kubeconfig":  {nil, []string{"--kubeconfig", "f", "get"}, "", ""},
		"only a word like it": {nil, []string{"get", "--server-print=false"}, "", "There is no cluster in DIR"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("COXSWAIN_DATA_DIR", dir)
			t.Setenv("KUBECONFIG", "")
			for _, file := range test.files {
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, file)), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, file), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			environment := map[string]string{}
			for _, variable := range kubectlEnvironment(test.args) {
				name, value, _ := strings.Cut(variable, "=")
				environment[name] = strings.ReplaceAll(value, dir, "DIR")
			}
			want := test.kubeconfig
			if want != "" {
				want = "DIR/" + want
			}
			if got := environment["KUBECONFIG"]; got != want {
				t.Errorf("the kubeconfig is %q, want %q", got, want)
			}
			if got := environment[programs.RefusedAdvice]; !strings.Contains(got, test.advice) || (got == "") != (test.advice == "") {
				t.Errorf("the advice is %q, want %q", got, test.advice)
			}
		})
	}
}

func TestKubectlIsLeftWithTheKubeconfigThatIsNamed(t *testing.T) {
	t.Setenv("KUBECONFIG", "/srv/kubeconfig")
	if got := kubectlEnvironment(nil); len(got) != 0 {
		t.Errorf("it is given %v", got)
	}
}

// Commands that need a cluster say where they have looked for it.
func TestNoClusterIsThere(t *testing.T) {
	t.Setenv("KUBECONFIG", "")
	for _, args := range [][]string{{"coxswain", "why", "web"}, {"coxswain", "token", "list"}} {
		if _, _, err := coxswain(t, args...); err == nil || !strings.Contains(err.Error(), "There is no cluster in /") {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestImagesWithoutARuntime(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "containerd.sock")
	if err := checkListens(socket); err == nil || !strings.Contains(err.Error(), socket+": start `coxswain server`") {
		t.Errorf("without a socket: %v, want what to start", err)
	}
	if err := os.WriteFile(socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := checkListens(socket); err != nil {
		t.Errorf("with one: %v", err)
	}
}
