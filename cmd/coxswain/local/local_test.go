package local

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

func TestDataDir(t *testing.T) {
	t.Setenv("COXSWAIN_DATA_DIR", "/srv/cluster")
	if got := DataDir(); got != "/srv/cluster" {
		t.Errorf("with COXSWAIN_DATA_DIR: %s", got)
	}
	t.Setenv("COXSWAIN_DATA_DIR", "")
	t.Setenv("XDG_CACHE_HOME", "/home/someone/.cache")
	want := "/home/someone/.cache/coxswain"
	if os.Geteuid() == 0 {
		want = "/var/lib/coxswain"
	}
	if got := DataDir(); got != want {
		t.Errorf("without: %s, want %s", got, want)
	}
}

func TestWhichKubeconfigIsRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) string {
		config := clientcmdapi.NewConfig()
		config.Clusters["c"] = &clientcmdapi.Cluster{Server: "https://" + name}
		config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c", Namespace: "of-" + name}
		config.CurrentContext = "c"
		file := filepath.Join(dir, name)
		if err := clientcmd.WriteToFile(*config, file); err != nil {
			t.Fatal(err)
		}
		return file
	}
	named, variable := write("named"), write("variable")
	write("admin.kubeconfig")
	t.Setenv("COXSWAIN_DATA_DIR", dir)
	for _, test := range []struct{ why, named, variable, want string }{
		{"a flag comes first", named, variable, "named"},
		{"then the variable", "", variable, "variable"},
		{"which may list files", "", filepath.Join(dir, "gone") + ":" + variable, "variable"},
		{"then this machine's server", "", "", "admin.kubeconfig"},
	} {
		t.Setenv("KUBECONFIG", test.variable)
		config, namespace, err := ClientConfig(test.named)
		if err != nil {
			t.Errorf("%s: %v", test.why, err)
		} else if config.Host != "https://"+test.want || namespace != "of-"+test.want {
			t.Errorf("%s: %s and namespace %s", test.why, config.Host, namespace)
		}
	}
	if _, _, err := ClientConfig(filepath.Join(dir, "gone")); err == nil || !strings.Contains(err.Error(), "reading the kubeconfig: stat "+dir) {
		t.Errorf("without the file that is named: %v", err)
	}
}

// TestBecome starts this test's program, which becomes a shell.
func TestBecome(t *testing.T) {
	if os.Getenv("TEST_BECOME") != "" {
		t.Fatal(Become(exec.Command("sh", "-c", "echo $$; exit 7")))
	}
	command := exec.Command(os.Args[0], "-test.run=^TestBecome$")
	command.Env = append(os.Environ(), "TEST_BECOME=1")
	out, err := command.Output()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("got %v, want the shell's exit code", err)
	}
	if got := strings.TrimSpace(string(out)); got != strconv.Itoa(command.Process.Pid) {
		t.Errorf("the shell's process is %q, want the program's own, %d", got, command.Process.Pid)
	}
}
