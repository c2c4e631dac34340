package main

import (
	"strings"
	"testing"
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
