package flagset

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster"
)

// Whoever may look at the flags of a server does not learn with which token agents join.
func TestTheTokenIsNotShown(t *testing.T) {
	const secret = "abcdef.0123456789abcdef"
	given := cluster.Default()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	AddServer(flags, &given)
	values := Values(flags)
	if got := values()["token"]; got != "" {
		t.Errorf("a token that there is not is %q", got)
	}
	if err := flags.Parse([]string{"--token", secret, "--data-dir=/d"}); err != nil {
		t.Fatal(err)
	}
	shown := values()
	if shown["token"] != "CLASSIFIED" || shown["data-dir"] != "/d" {
		t.Errorf("the token is %q, the data folder %q", shown["token"], shown["data-dir"])
	}
	for name, value := range shown {
		if strings.Contains(value, secret) {
			t.Errorf("--%s tells the token", name)
		}
	}
}

// Scripts switch features by a variable that may be empty: that was refused.
func TestFeatureGatesMaySayNothing(t *testing.T) {
	given := cluster.Default()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	AddServer(flags, &given)
	if err := flags.Parse([]string{"--feature-gates=", "--feature-gates=ComponentStatusz=false,,ComponentFlagz=false", "--feature-gates= ComponentFlagz = true ,"}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"ComponentStatusz": "false", "ComponentFlagz": "true"}, given.FeatureGates); diff != "" {
		t.Error(diff)
	}
	if got := Values(flags)()["feature-gates"]; got != "ComponentFlagz=true,ComponentStatusz=false" {
		t.Errorf("it is shown as %s", got)
	}
}
