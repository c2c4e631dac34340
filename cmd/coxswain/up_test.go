package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/fleet"
)

func TestMistakesAboutSeveralNodes(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"several servers":     {[]string{"up", "--servers=3"}, "several servers need a quorum of etcd members"},
		"no nodes":            {[]string{"up", "--nodes=0"}, "--nodes=0: want 1 to 200"},
		"not a subnet":        {[]string{"up", "--subnet=home"}, "--subnet=home: want a network such as 10.88.0.0/24"},
		"not a name":          {[]string{"down", "--name=My_Dev"}, "--name=My_Dev"},
		"no such images":      {[]string{"up", "--images=/nowhere"}, "--images: stat /nowhere: no such file or directory"},
		"no such file":        {[]string{"up", "--server-config=/nowhere"}, "reading --server-config: open /nowhere"},
		"not a service range": {[]string{"up", "--service-cidr=10"}, "--service-cidr=10: not a network such as 10.43.0.0/16"},
		"no node":             {[]string{"node", "stop"}, "requires at least 1 arg(s)"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := coxswain(t, append([]string{"coxswain"}, test.args...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v: %v, want %q", test.args, err, test.want)
			}
		})
	}
}

func TestUpPassesFlagsOn(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte("node-monitor-grace-period: 15s\nnetwork: host-gw\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	network, cidr, mode, unset := "vxlan", "10.50.0.0/16", "iptables", ""
	f := upFlags{
		spec: fleet.Spec{Name: "dev", Nodes: 2, Servers: 1}, serverConfig: file,
		server: map[string]*string{"network": &network, "service-cidr": &cidr, "proxy-mode": &mode, "cluster-dns": &unset},
	}
	flags := pflag.NewFlagSet("up", pflag.ContinueOnError)
	for name := range f.server {
		flags.String(name, "", "")
	}
	if err := flags.Parse([]string{"--network=vxlan", "--service-cidr=10.50.0.0/16", "--proxy-mode=iptables"}); err != nil {
		t.Fatal(err)
	}
	if err := f.complete(flags); err != nil {
		t.Fatal(err)
	}
	server := map[string]any{
		"node-monitor-grace-period": "15s", "network": "vxlan", "service-cidr": "10.50.0.0/16", "proxy-mode": "iptables", "cluster-dns": "10.50.0.10",
	}
	if diff := cmp.Diff(server, f.spec.Server); diff != "" {
		t.Errorf("the server's keys (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]any{"proxy-mode": "iptables"}, f.spec.Agent); diff != "" {
		t.Errorf("the agents' keys (-want +got):\n%s", diff)
	}
}
