package flagset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster"
)

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// serverOptions are what `coxswain server` would start with.
func serverOptions(t *testing.T, file string, args ...string) (cluster.Options, error) {
	t.Helper()
	options := cluster.Default()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	AddServer(flags, &options)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return options, ReadConfig(file, &options, flags)
}

func TestConfigFile(t *testing.T) {
	file := writeConfig(t, `
data-dir: /srv/cluster
https-listen-port: 7443
disable: [dns]
tls-san: [a.example, b.example]
images: [/srv/images]
`)
	options := cluster.Default()
	var err error
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	addServerFlags(flags, &options)
	if err = flags.Parse([]string{"--https-listen-port=8443", "--disable=proxy,network", "--node-name=boat"}); err != nil {
		t.Fatal(err)
	}
	if err = ReadConfig(file, &options, flags); err != nil {
		t.Fatal(err)
	}
	want := cluster.Default()
	want.DataDir, want.HTTPSListenPort, want.NodeName = "/srv/cluster", 8443, "boat"
	want.Disable, want.TLSSANs, want.Images = []string{"proxy", "network"}, []string{"a.example", "b.example"}, []string{"/srv/images"}
	if diff := cmp.Diff(want, options); diff != "" {
		t.Errorf("flags should win over the file, and the file over defaults (-want +got):\n%s", diff)
	}
}

// A comma within a value of a list that was given as a flag parts it no more once there is a file, and brackets of a value stay.
func TestCommasInFlagsSurviveTheFile(t *testing.T) {
	file := writeConfig(t, "tls-san: [x, y, z]\nservice-account-issuer: [https://file]\noidc-required-claim: {x: one}\n")
	args := []string{`--tls-san="a,b",c`, "--service-account-issuer=https://a?b=[1,2]", "--oidc-required-claim=groups=[a,b]"}
	options, err := serverOptions(t, file, args...)
	if err != nil {
		t.Fatal(err)
	}
	want := cluster.Default()
	want.TLSSANs, want.ServiceAccountIssuers = []string{"a,b", "c"}, []string{"https://a?b=[1,2]"}
	want.RequiredClaims = map[string]string{"x": "one", "groups": "[a,b]"}
	if diff := cmp.Diff(want, options); diff != "" {
		t.Error(diff)
	}
}

func TestConfigFileMistakes(t *testing.T) {
	for name, text := range map[string]string{"unknown key": "data-dirr: /x", "wrong type": "https-listen-port: high", "no YAML": "{"} {
		t.Run(name, func(t *testing.T) {
			file := writeConfig(t, text)
			if _, err := serverOptions(t, file); err == nil || !strings.Contains(err.Error(), "reading --config "+file) {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
}
