package upstream

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

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
	command := apiServerCommand(process.Streams{})
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
	flags := etcdCommand(process.Streams{}).Flags()
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

// Each --feature-gates of the scheduler adds to those before it: the last was once the only one that counted.
func TestGatesOfTheSchedulerAddUp(t *testing.T) {
	var all map[string]string
	flags := pflag.NewFlagSet("kube-scheduler", pflag.ContinueOnError)
	flags.Var(&gates{of: &all}, "feature-gates", "")
	if err := flags.Parse([]string{"--feature-gates=ComponentStatusz=false,ComponentFlagz=false", "--feature-gates=ComponentFlagz=true"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"ComponentStatusz": "false", "ComponentFlagz": "true"}, all); diff != "" {
		t.Error(diff)
	}
	if err := flags.Parse([]string{"--feature-gates=Sails=true"}); err == nil || len(all) != 2 {
		t.Errorf("what is refused counts: %v, %v", all, err)
	}
}
