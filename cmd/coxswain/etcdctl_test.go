package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/cluster/state"
)

func TestEtcdctlIsToldWhatTheUserDoesNotSay(t *testing.T) {
	t.Setenv("ETCDCTL_KEY", "mine")
	access := state.Access{Endpoints: []string{"https://a", "https://b"}, CA: "ca", Cert: "cert", Key: "key"}
	for args, want := range map[string][]string{
		"get /":                         {"ETCDCTL_CACERT=ca", "ETCDCTL_CERT=cert", "ETCDCTL_ENDPOINTS=https://a,https://b"},
		"get / --cert mine":             {"ETCDCTL_CACERT=ca", "ETCDCTL_ENDPOINTS=https://a,https://b"},
		"--endpoints=https://c get /":   {"ETCDCTL_CACERT=ca", "ETCDCTL_CERT=cert"},
		"--endpoints unix:///s get /":   nil,
		"put -- --endpoints=http://c x": {"ETCDCTL_CACERT=ca", "ETCDCTL_CERT=cert", "ETCDCTL_ENDPOINTS=https://a,https://b"},
	} {
		if diff := cmp.Diff(want, etcdctlEnvironment(access, strings.Fields(args))); diff != "" {
			t.Errorf("%s: %s", args, diff)
		}
	}
}
