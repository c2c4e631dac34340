package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestWithoutRoot starts the server as somebody who may not run containers.
func TestWithoutRoot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for folder := dir; folder != os.TempDir() && folder != "/"; folder = filepath.Dir(folder) {
		if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // nobody has to get in
			t.Fatal(err)
		}
	}
	program, data := filepath.Join(dir, "coxswain"), filepath.Join(dir, "data")
	if out, err := exec.Command("install", "-m", "755", shared.Program(), program).CombinedOutput(); err != nil {
		t.Fatalf("copying the program: %v: %s", err, out)
	}
	if out, err := exec.Command("install", "-d", "-o", "65534", "-g", "65534", "-m", "700", data).CombinedOutput(); err != nil {
		t.Fatalf("making a folder: %v: %s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	as := func(args ...string) *exec.Cmd {
		command := exec.CommandContext(ctx, program, args...)
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}, Pdeathsig: syscall.SIGKILL}
		command.Dir, command.Env = dir, []string{"HOME=" + data, "PATH=" + os.Getenv("PATH")}
		return command
	}

	out, err := as("server", "--data-dir", data, "--https-listen-port=0").CombinedOutput()
	if err == nil || strings.Count(strings.TrimSpace(string(out)), "\n") != 0 {
		t.Errorf("the server without root: %v:\n%s", err, out)
	}
	for _, words := range []string{"running containers needs root", "sudo", "or run the control plane alone with --disable agent"} {
		if !strings.Contains(string(out), words) {
			t.Errorf("%q is missing in: %s", words, out)
		}
	}
	if left, err := os.ReadDir(data); err != nil || len(left) != 0 {
		t.Errorf("the refused server left %v, %v", left, err)
	}

	server := as("server", "--data-dir", data, "--https-listen-port=0", "--bind-address=127.0.0.1", "--disable", "agent")
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	server.Stdout, server.Stderr = said, said
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for text := []byte(nil); !bytes.Contains(text, []byte("ready in ")); time.Sleep(20 * time.Millisecond) { // between two looks from outside
		if text, err = os.ReadFile(said.Name()); err != nil || ctx.Err() != nil {
			t.Fatalf("the control plane is not ready: %v: %s", err, text)
		}
	}
	kubectl := func(args ...string) string {
		command := as(append([]string{"kubectl", "--kubeconfig", filepath.Join(data, "admin.kubeconfig")}, args...)...)
		command.Env = append(command.Env, "COXSWAIN_DATA_DIR="+data)
		out, err := command.CombinedOutput()
		if err != nil {
			t.Errorf("kubectl %s: %v: %s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	kubectl("create", "deployment", "web", "--image=nginx", "--replicas=2")
	kubectl("wait", "deployment/web", "--for=jsonpath={.status.replicas}=2", "--timeout=120s")
	if out := kubectl("get", "pods", "-o", "jsonpath={.items[*].status.phase}"); out != "Pending Pending" {
		t.Errorf("the pods of a cluster without nodes are %q", out)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := server.Wait(); err != nil {
		t.Errorf("the control plane ended with %v", err)
	}
}
