package fleet

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

func TestValidate(t *testing.T) {
	good := func() Spec { return Spec{Name: "dev", Nodes: 3, Servers: 1} }
	for want, change := range map[string]func(*Spec){
		"":                                func(*Spec) {},
		"--name=Dev: a lowercase RFC":     func(s *Spec) { s.Name = "Dev" },
		"longer than 50 characters":       func(s *Spec) { s.Name = strings.Repeat("a", 51) },
		"--nodes=0: want 1 to 200":        func(s *Spec) { s.Nodes = 0 },
		"need a quorum of etcd members":   func(s *Spec) { s.Servers = 3 },
		"--servers=0: want 1":             func(s *Spec) { s.Servers = 0 },
		"--subnet=10.88.0.0/16: want":     func(s *Spec) { s.Subnet = netip.MustParsePrefix("10.88.0.0/16") },
		"--subnet=10.88.0.1/24: want":     func(s *Spec) { s.Subnet = netip.MustParsePrefix("10.88.0.1/24") },
		"--subnet=2001:db8::/24: want a ": func(s *Spec) { s.Subnet = netip.MustParsePrefix("2001:db8::/24") },
	} {
		spec := good()
		change(&spec)
		if err := spec.Validate(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", spec, err, want)
		}
	}
}

// reserved is a cluster that has been written down.
func reserved(t *testing.T, clusters, name string) *Fleet {
	t.Helper()
	f := &Fleet{Spec: Spec{Name: name, Nodes: 2, Servers: 1}, Token: newToken(), Dir: dirOf(clusters, name)}
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.reserve(); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestClustersHaveSubnetsOfTheirOwn(t *testing.T) {
	clusters := t.TempDir()
	a, b := reserved(t, clusters, "a"), reserved(t, clusters, "b")
	if a.Subnet.Overlaps(b.Subnet) || !pool.Overlaps(a.Subnet) || !pool.Overlaps(b.Subnet) {
		t.Errorf("%s and %s", a.Subnet, b.Subnet)
	}
	again, err := Open(clusters, "b")
	if err != nil || again.Subnet != b.Subnet || again.Token != b.Token {
		t.Errorf("read again: %+v, %v", again, err)
	}
	if info, err := os.Stat(b.file()); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file with the token: %v, %v", info.Mode(), err)
	}
}

// Clusters that are kept in different places and begin at the same time do not meet in one subnet.
func TestSubnetsOfClustersThatBeginTogether(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making switches needs root")
	}
	var fleets [4]*Fleet
	var beginning errgroup.Group
	for i := range fleets {
		f := &Fleet{Spec: Spec{Name: fmt.Sprintf("t%d-%d", os.Getpid()%100000, i), Nodes: 1, Servers: 1}, Dir: dirOf(t.TempDir(), "x")}
		fleets[i] = f
		t.Cleanup(func() {
			if err := f.plug().Remove(); err != nil {
				t.Error(err)
			}
		})
		beginning.Go(func() error { return errors.Join(os.MkdirAll(f.Dir, 0o700), f.plugIn()) })
	}
	if err := beginning.Wait(); err != nil {
		t.Fatal(err)
	}
	taken := map[netip.Prefix]string{}
	for _, f := range fleets {
		if other, ok := taken[f.Subnet]; ok {
			t.Errorf("%s and %s are both in %s", f.Name, other, f.Subnet)
		}
		taken[f.Subnet] = f.Name
	}
}

func TestNodesByName(t *testing.T) {
	clusters := t.TempDir()
	reserved(t, clusters, "my-dev")
	node, err := OpenNode(clusters, "my-dev-2")
	if err != nil || node.Name() != "my-dev-2" || len(node.Roles()) != 1 || node.State() != Stopped {
		t.Errorf("%+v, %v", node, err)
	}
	for name, want := range map[string]string{
		"boat": "is no node", "my-dev-3": "has no node my-dev-3: they are my-dev-1 to my-dev-2", "other-1": "no such cluster: other; there are my-dev",
	} {
		if _, err := OpenNode(clusters, name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	if _, err := Open(t.TempDir(), "dev"); !errors.Is(err, errNone) {
		t.Errorf("where there is none: %v", err)
	}
	if err := node.Pause(); err == nil || !strings.Contains(err.Error(), "cannot pause my-dev-2: it is stopped; `coxswain node start my-dev-2` brings it back") {
		t.Errorf("pausing what is stopped: %v", err)
	}
}

// A process is told from another one that got its number later.
func TestPID(t *testing.T) {
	node := reserved(t, t.TempDir(), "dev").node(1)
	command := exec.Command("/bin/sleep", "100")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	pid := command.Process.Pid
	born, err := birth(pid)
	if err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := errors.Join(os.MkdirAll(node.path(), 0o700), os.WriteFile(node.path("agent.pid"), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for text, want := range map[string]int{"": 0, "x y": 0, fmt.Sprint(pid): 0, fmt.Sprintf("%d %s0", pid, born): 0, fmt.Sprintf("%d %s\n", pid, born): pid} {
		write(text)
		if got := node.pid(agent); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	write(fmt.Sprintf("%d %s\n", pid, born))
	node.terminate(agent, stopPatience)
	if got := node.pid(agent); got != 0 {
		t.Error("a process that has ended, and that nobody has waited for, still counts")
	}
	_ = command.Wait()
}

func TestShare(t *testing.T) {
	from, to := filepath.Join(t.TempDir(), "root"), filepath.Join(t.TempDir(), "root")
	layer := filepath.Join(from, "snapshots", "1", "fs")
	files := map[string]string{filepath.Join(layer, "program"): "binary", filepath.Join(layer, "rpm.db"): "part of an image", filepath.Join(from, "meta.db"): "ours"}
	for name, text := range files {
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte(text), 0o640)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(unix.Chmod(layer, 0o1777), os.Symlink("program", filepath.Join(layer, "link"))); err != nil {
		t.Fatal(err)
	}
	marked := unix.Setxattr(layer, "user.mark", []byte("opaque"), 0) == nil
	if err := share(from, to); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		other := filepath.Join(to, strings.TrimPrefix(name, from))
		data, err := os.ReadFile(other)
		if err != nil || string(data) != text {
			t.Errorf("%s: %q, %v", other, data, err)
		}
		one, _ := os.Stat(name)
		two, _ := os.Stat(other)
		if os.SameFile(one, two) == (filepath.Base(name) == "meta.db") {
			t.Errorf("%s: a database of containerd is copied, all else is shared", name)
		}
	}
	copied := filepath.Join(to, "snapshots", "1", "fs")
	if info, err := os.Stat(copied); err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("the folder's mode: %v, %v", info.Mode(), err)
	}
	if link, err := os.Readlink(filepath.Join(copied, "link")); err != nil || link != "program" {
		t.Errorf("the link: %s, %v", link, err)
	}
	mark := make([]byte, 16)
	if n, err := unix.Getxattr(copied, "user.mark", mark); marked && (err != nil || string(mark[:n]) != "opaque") {
		t.Errorf("the folder's attribute: %s, %v", mark, err)
	}
}
