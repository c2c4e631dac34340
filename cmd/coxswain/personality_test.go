package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/cluster"
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
		"--cloud-provider=gce: want external":      {"coxswain", "server", "--cloud-provider=gce"},
	} {
		if _, _, err := coxswain(t, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
}

func TestOptionsOfKubeAPIServer(t *testing.T) {
	for name, test := range map[string]struct {
		controllers []string
		nodes       int
		check       func(o cluster.Options) bool
	}{
		"alone": {check: func(o cluster.Options) bool {
			return !o.Enabled(cluster.Controllers) && !o.Enabled(cluster.Scheduler) && !o.Enabled(cluster.Agent) && !o.EnableBootstrapTokenAuth
		}},
		"all controllers": {controllers: []string{"*"}, check: func(o cluster.Options) bool {
			return o.Enabled(cluster.Controllers) && !o.Enabled(cluster.Scheduler) && len(o.DisabledControllers) == 0
		}},
		"all but one": {controllers: []string{"*", "-job-controller"}, check: func(o cluster.Options) bool {
			return slices.Equal(o.DisabledControllers, []string{"job"})
		}},
		"one": {controllers: []string{"job-controller"}, check: func(o cluster.Options) bool {
			return len(o.DisabledControllers) > 20 && !slices.Contains(o.DisabledControllers, "job")
		}},
		"nodes": {nodes: 1, check: func(o cluster.Options) bool { return o.Enabled(cluster.Controllers) && o.Enabled(cluster.Scheduler) }},
		"networks": {check: func(o cluster.Options) bool {
			return o.ServiceCIDR == "10.0.0.0/24" && o.ClusterDNS == "10.0.0.10" && o.DataDir == "/tmp/certs/coxswain"
		}},
	} {
		o := apiServerOptions()
		o.CertDir, o.SimulatedNodes, o.ServiceCIDR = "/tmp/certs", test.nodes, "10.0.0.0/24,fd00::/108"
		if err := completeAPIServer(&o, test.controllers); err != nil || !test.check(o) {
			t.Errorf("%s: %+v, %v", name, o.TestOptions, err)
		}
	}
}

// Flags that restrict have an effect, or are refused; those of upstream's that are not known here are in the help only.
func TestRestrictionsReachTheServer(t *testing.T) {
	command := apiServerCommand(streams{})
	for _, name := range []string{"service-account-extend-token-expiration", "enable-bootstrap-token-auth", "tls-min-version", "tls-cipher-suites", "profiling"} {
		flag := command.Flags().Lookup(name)
		if flag == nil {
			t.Errorf("--%s is not known", name)
			continue
		}
		if _, without := flag.Value.(*elsewhere); without {
			t.Errorf("--%s has no effect", name)
		}
	}
	if err := command.ParseFlags([]string{"--allow-privileged", "--disable-http2-serving=false"}); err != nil {
		t.Error(err)
	}
	for value, ok := range map[string]bool{"": true, "api/all=true": true, "resource.k8s.io/v1beta1": true, "api/all=false,api/v1=true": false, "batch/v1=x": false} {
		if err := nothingOff(value); (err == nil) != ok {
			t.Errorf("--runtime-config=%s: %v", value, err)
		}
	}
}

// What is not given on the command line is taken from the environment, as etcd does.
func TestFlagsFromEnvironment(t *testing.T) {
	flags := etcdCommand(streams{}).Flags()
	if err := flags.Parse([]string{"--name=given"}); err != nil {
		t.Fatal(err)
	}
	lookup := func(variables map[string]string) func(string) (string, bool) {
		return func(name string) (string, bool) {
			value, ok := variables[name]
			return value, ok
		}
	}
	if err := fromEnvironment(flags, "ETCD_", lookup(map[string]string{"ETCD_NAME": "other", "ETCD_DATA_DIR": "/data", "ETCD_PRE_VOTE": "false", "ETCD_CERT_FILE": ""})); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"name": "given", "data-dir": "/data", "pre-vote": "false", "cert-file": ""} {
		if got := flags.Lookup(name).Value.String(); got != want {
			t.Errorf("--%s is %q, want %q", name, got, want)
		}
	}
	if err := fromEnvironment(flags, "ETCD_", lookup(map[string]string{"ETCD_CORS": "example.org"})); err == nil || !strings.Contains(err.Error(), "--cors by ETCD_CORS") {
		t.Errorf("got %v", err)
	}
}
