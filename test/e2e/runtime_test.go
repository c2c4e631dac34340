package e2e

import (
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// coxswain runs the program itself on the machine of a cluster.
func coxswain(c *env.Cluster, args ...string) *exec.Cmd {
	command := c.Machine.Command(context.Background(), c.Program(), args...)
	command.Env = append(command.Env, "COXSWAIN_DATA_DIR="+c.DataDir())
	return command
}

func TestImageCommand(t *testing.T) {
	s := newSpace(t)
	run := func(args ...string) string {
		t.Helper()
		out, err := coxswain(s.cluster, append([]string{"image"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("coxswain image %s: %v: %s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	s.eventually("the images that came with the server", func() error {
		_, err := s.try("wait", "node", "--all", "--for=condition=Ready", "--timeout=1s")
		return err
	})
	const image = "docker.io/coxswain/guestbook-frontend:v2"
	if out := run("ls"); !strings.Contains(out, image) || !strings.Contains(out, "registry.k8s.io/pause:") {
		t.Errorf("image ls: %s", out)
	}
	run("rm", image)
	if out := run("ls"); strings.Contains(out, image) {
		t.Errorf("image ls after rm: %s", out)
	}
	run("import", filepath.Join(s.cluster.Root, "build", "images", "guestbook.tar"))
	if out := run("ls"); !strings.Contains(out, image) {
		t.Errorf("image ls after import: %s", out)
	}
}

func TestRuntimeThatRunsAlready(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	c, err := env.NewCluster(ctx, octet()+3)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	s := &space{T: t, cluster: c, name: "default"}
	s.must("", c.WaitNode(ctx))
	if _, err := c.Stop(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if killed := c.Machine.Kill("containerd"); killed != 1 {
		t.Fatalf("killed %d processes of containerd, want 1", killed)
	}
	found, err := filepath.Glob(filepath.Join(c.DataDir(), "programs", "*", "containerd"))
	if err != nil || len(found) != 1 {
		t.Fatalf("unpacked containerds: %v, %v", found, err)
	}
	runtime := c.Machine.Command(ctx, found[0], "--config", filepath.Join(c.DataDir(), "containerd", "config.toml"))
	runtime.Env = append(runtime.Env, "PATH="+filepath.Dir(found[0])+":/usr/sbin:/usr/bin:/sbin:/bin")
	if err := runtime.Start(); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(ctx, "--container-runtime-endpoint", "unix:///run/coxswain/containerd/containerd.sock"); err != nil {
		t.Fatal(err)
	}
	s.must("", c.WaitNode(ctx))
	s.eventually("a default service account", func() error {
		_, err := s.try("get", "serviceaccount", "default")
		return err
	})
	s.kubectl("run", "hello", "--image=docker.io/coxswain/toolbox:v1", "--restart=Never", "--command", "--", "echo", "hello")
	s.becomes("pod/hello", ".status.phase", "Succeeded")
	if out := s.kubectl("logs", "hello"); out != "hello\n" {
		t.Errorf("logs: %q", out)
	}
	if err := runtime.Process.Signal(syscall.Signal(0)); err != nil {
		t.Errorf("the runtime has ended: %v", err)
	}
}
