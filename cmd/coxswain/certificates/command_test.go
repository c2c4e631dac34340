package certificates

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

// certificate runs the command about a data folder.
func certificate(t *testing.T, dataDir string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	command := Command(process.Streams{Out: &out, Err: &out}, dataDir)
	command.SilenceErrors, command.SilenceUsage = true, true
	command.SetArgs(args)
	command.SetOut(&out)
	err := command.ExecuteContext(t.Context())
	return out.String(), err
}

// server runs an API server that keeps its data, and returns its data folder.
func server(t *testing.T) string {
	t.Helper()
	options := cluster.ForTest(t.TempDir())
	options.Ephemeral = false
	options.Disable = append(options.Disable, cluster.Controllers, cluster.Scheduler)
	running, err := cluster.Start(context.WithoutCancel(t.Context()), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	return options.DataDir
}

func TestCertificatesAreListed(t *testing.T) {
	out, err := certificate(t, server(t), "list")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"pki/admin.crt ", "pki/ca.crt ", "pki/front-proxy/client.crt "} {
		if !strings.Contains(out, "\n"+want) {
			t.Errorf("%s is not listed:\n%s", want, out)
		}
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if fields := strings.Fields(lines[1]); len(fields) != 5 || fields[4] != "364d" {
		t.Errorf("the first to end is not a leaf that has just been made: %s", lines[1])
	}
	if fields := strings.Fields(lines[len(lines)-1]); len(fields) != 5 || !strings.HasSuffix(fields[2], "-ca") || fields[1] != fields[2] {
		t.Errorf("the last to end is no authority: %s", lines[len(lines)-1])
	}
}

// Who is given a kubeconfig is, for the server, the user and the groups that it was made for.
func TestUserOfACreatedKubeconfig(t *testing.T) {
	out, err := certificate(t, server(t), "create", "jane", "--groups", "crew,cooks", "--ttl", "1h")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(out))
	if err != nil {
		t.Fatal(err)
	}
	review, err := kubernetes.NewForConfigOrDie(config).AuthenticationV1().SelfSubjectReviews().Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if who := review.Status.UserInfo; who.Username != "jane" || strings.Join(who.Groups, ",") != "crew,cooks,system:authenticated" {
		t.Errorf("the server knows %+v", who)
	}
}

func TestServerOfACreatedKubeconfig(t *testing.T) {
	out, err := certificate(t, server(t), "create", "jane", "--server", "https://cluster.example.org:6443")
	if err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.RESTConfigFromKubeConfig([]byte(out))
	if err != nil || config.Host != "https://cluster.example.org:6443" {
		t.Errorf("%+v, %v", config, err)
	}
}

func TestMistakes(t *testing.T) {
	dir := server(t)
	bad := t.TempDir()
	if err := os.MkdirAll(filepath.Join(bad, "pki"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bad, "pki", "ca.crt"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, test := range map[string]struct {
		dir  string
		args []string
	}{
		"holds no certificates: run this on the server":      {t.TempDir(), []string{"list"}},
		"ca.crt: it holds no certificate in PEM":             {bad, []string{"list"}},
		"run this on the server, or name its folder":         {t.TempDir(), []string{"create", "jane"}},
		"--ttl=0s: a certificate has to end, later than now": {dir, []string{"create", "jane", "--ttl", "0"}},
		"it would end after its authority":                   {dir, []string{"create", "jane", "--ttl", (20 * 365 * 24 * time.Hour).String()}},
		"USER: the name is missing":                          {dir, []string{"create", ""}},
		"accepts 1 arg(s), received 0":                       {dir, []string{"create"}},
		`--server: the server "cluster" is no URL such as`:   {dir, []string{"create", "jane", "--server", "cluster"}},
	} {
		if out, err := certificate(t, test.dir, test.args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q\n%s", test.args, err, want, out)
		}
	}
}
