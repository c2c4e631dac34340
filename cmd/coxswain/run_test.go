package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// coxswain runs the program and returns what it wrote.
func coxswain(t *testing.T, args ...string) (out, problems string, err error) {
	t.Helper()
	t.Setenv("COXSWAIN_DATA_DIR", t.TempDir())
	var stdout, stderr bytes.Buffer
	err = run(t.Context(), args, process.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return stdout.String(), stderr.String(), err
}

func TestVersion(t *testing.T) {
	out, _, err := coxswain(t, "coxswain", "version")
	if err != nil || !strings.HasPrefix(out, "coxswain ") || !strings.Contains(out, "linux/") {
		t.Errorf("coxswain version: %q, %v", out, err)
	}
}

func TestHelpNamesEveryCommand(t *testing.T) {
	out, _, err := coxswain(t, "coxswain", "--help")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"certificate", "check", "down", "etcdctl", "image", "kubectl", "node", "server", "up", "version"} {
		if !strings.Contains(out, "\n  "+name) {
			t.Errorf("the help does not name %s:\n%s", name, out)
		}
	}
}

func TestCheckAgreesWithTheMachine(t *testing.T) {
	out, _, err := coxswain(t, "coxswain", "check")
	want := node.CheckMachine(cluster.Default())
	switch {
	case want == nil && (err != nil || out != "this machine can run a node\n"):
		t.Errorf("a node can run here, but check said %q, %v", out, err)
	case want != nil && (err == nil || err.Error() != want.Error() || !strings.Contains(err.Error(), "--disable agent")):
		t.Errorf("check said %v, want %v and what can run anyway", err, want)
	}
}

func TestMistakesOnTheCommandLine(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"unknown command":       {[]string{"servr"}, `unknown command "servr" for "coxswain"`},
		"unknown flag":          {[]string{"server", "--data-dirr=x"}, "unknown flag: --data-dirr; `coxswain server --help` lists the flags"},
		"not a number":          {[]string{"server", "--https-listen-port=https"}, `invalid argument "https" for "--https-listen-port"`},
		"an argument too many":  {[]string{"server", "now"}, `unknown command "now" for "coxswain server"`},
		"an argument too few":   {[]string{"image", "import"}, "accepts 1 arg(s), received 0; usage: coxswain image import FILE"},
		"no such configuration": {[]string{"server", "--config=/nowhere"}, "reading --config: open /nowhere: no such file or directory"},
		"unknown part":          {[]string{"server", "--disable=agent,rudder"}, "--disable=rudder: unknown part; known are agent, cloud-controller-manager, controllers, dns, local-storage, network, proxy, scheduler"},
		"not a network":         {[]string{"server", "--disable=agent", "--cluster-cidr=10.42.0.1/16"}, "--cluster-cidr=10.42.0.1/16: not a network such as 10.42.0.0/16"},
		"DNS outside":           {[]string{"server", "--disable=agent", "--cluster-dns=10.0.0.10"}, "--cluster-dns=10.0.0.10: outside of --service-cidr=10.43.0.0/16"},
		"unknown proxy mode":    {[]string{"server", "--disable=agent", "--proxy-mode=ipvs"}, "--proxy-mode=ipvs: want nftables or iptables"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := coxswain(t, append([]string{"coxswain"}, test.args...)...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v: %v, want %q", test.args, err, test.want)
			}
		})
	}
}

// Everything that is wrong is said at once.
func TestAllMistakesAreReported(t *testing.T) {
	_, _, err := coxswain(t, "coxswain", "server", "--disable=agent,rudder", "--proxy-mode=ipvs")
	if err == nil || !strings.Contains(err.Error(), "rudder") || !strings.Contains(err.Error(), "ipvs") {
		t.Errorf("both mistakes should be reported: %v", err)
	}
}

// A test binary carries no programs, so that what is reached shows in the error: kubectl, not a usage message of coxswain.
func TestCalledAsKubectl(t *testing.T) {
	for _, args := range [][]string{{"/usr/local/bin/kubectl", "get", "--no-such-flag"}, {"coxswain", "kubectl", "get", "--no-such-flag"}, {"coxswain", "etcdctl", "--help"}} {
		if _, _, err := coxswain(t, args...); !errors.Is(err, programs.ErrNone) {
			t.Errorf("%v: %v, want the carried program to be asked for", args, err)
		}
	}
}
