package machines

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// newSwitch makes a switch that is gone at the end of the test.
func newSwitch(t *testing.T, octet int) *Switch {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("making machines needs root")
	}
	s := &Switch{Name: fmt.Sprintf("test%d", octet), Subnet: netip.MustParsePrefix(fmt.Sprintf("10.98.%d.0/24", octet)), Owner: t.TempDir()}
	clear := func() {
		if err := s.Remove(); err != nil {
			t.Error(err)
		}
	}
	clear()
	t.Cleanup(clear)
	if err := s.Make(); err != nil {
		t.Fatal(err)
	}
	return s
}

func newMachine(t *testing.T, s *Switch, n int) *Machine {
	t.Helper()
	m := &Machine{Name: fmt.Sprintf("%s-%d", s.Name, n), Switch: s, IP: s.Address(n), Dir: filepath.Join(s.Owner, fmt.Sprint(n))}
	if err := m.Remove(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Remove(); err != nil {
			t.Error(err)
		}
	})
	if err := m.Make(); err != nil {
		t.Fatal(err)
	}
	return m
}

// on runs a shell on a machine and returns what it wrote.
func on(t *testing.T, m *Machine, script string) string {
	t.Helper()
	var out bytes.Buffer
	command := exec.Command("/bin/sh", "-c", script)
	command.Stdout, command.Stderr = &out, &out
	if err := m.Start(command); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil {
		t.Fatalf("%s: %v: %s", script, err, out.String())
	}
	return strings.TrimSpace(out.String())
}

// traces are all links, mounts, control groups and pins of this machine, but those of which the place says that another test, which may
// be one of another package, made them.
func traces(t *testing.T, s *Switch) []string {
	t.Helper()
	var all []string
	links, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		if !strings.HasPrefix(link.Name, "cox-") || link.Name == s.Link() {
			all = append(all, "link "+link.Name)
		}
	}
	mounts, err := mountsBelow("")
	if err != nil {
		t.Fatal(err)
	}
	for _, mount := range mounts {
		if below(mount, s.Dir()) || below(mount, s.Owner) || !below(mount, Pins) && !below(mount, os.TempDir()) {
			all = append(all, "mount "+mount)
		}
	}
	for _, root := range hierarchies() {
		groups, _ := filepath.Glob(root + "/" + s.Link() + "*")
		all = append(all, groups...)
	}
	pins, _ := filepath.Glob(s.Dir() + "*")
	return append(all, pins...)
}

func below(name, dir string) bool { return name == dir || strings.HasPrefix(name, dir+"/") }

func TestMachinesLeaveNoTrace(t *testing.T) {
	s := newSwitch(t, 41)
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	before := traces(t, s)
	if err := s.Make(); err != nil {
		t.Fatal(err)
	}
	m := newMachine(t, s, 1)
	sleeper := exec.Command("/bin/sleep", "1000")
	if err := m.Start(sleeper); err != nil {
		t.Fatal(err)
	}
	if cmp.Diff(before, traces(t, s)) == "" || !m.Exists() || len(m.Processes()) != 1 {
		t.Errorf("the machine should be there: %v, %v", m.Exists(), m.Processes())
	}
	if err := m.Remove(); err != nil {
		t.Fatal(err)
	}
	if err := sleeper.Wait(); err == nil {
		t.Error("what ran on the machine should have been killed")
	}
	if err := s.Remove(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, traces(t, s)); diff != "" {
		t.Errorf("what is left (-before +after):\n%s", diff)
	}
}

func TestMachineIsApart(t *testing.T) {
	s := newSwitch(t, 42)
	m := newMachine(t, s, 1)
	if got := on(t, m, "hostname; touch /run/here /var/lib/kubelet/here /var/log/pods/here; ls /run /sys/fs/cgroup | grep -c ."); !strings.HasPrefix(got, m.Name+"\n") {
		t.Errorf("hostname: %s", got)
	}
	if _, err := os.Stat(filepath.Join(m.Dir, "kubelet", "here")); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"/run/here", "/var/lib/kubelet/here", "/var/log/pods/here"} {
		if _, err := os.Stat(name); err == nil {
			t.Errorf("%s of the machine is seen outside", name)
		}
	}
	if got := on(t, m, "cat /proc/self/cgroup"); strings.Count(got, m.Cgroup()+"/init") != len(hierarchies()) {
		t.Errorf("control groups of a process on the machine:\n%s", got)
	}
	if got := on(t, m, "cat /proc/self/mountinfo"); strings.Contains(got, Pins) {
		t.Errorf("the machine holds the pins:\n%s", got)
	}
}

// reached says whether a connection from one machine to a listener on the other one opens.
func reached(t *testing.T, from *Machine, to string, within time.Duration) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	connection, err := from.Dial(ctx, "tcp", to)
	if err == nil {
		connection.Close()
	}
	return err
}

func TestNetworkOfMachines(t *testing.T) {
	s := newSwitch(t, 43)
	a, b := newMachine(t, s, 1), newMachine(t, s, 2)
	var listener net.Listener
	err := b.Enter(func() (err error) {
		listener, err = net.Listen("tcp", b.IP.String()+":0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	address := listener.Addr().String()
	if err := reached(t, a, address, time.Minute); err != nil {
		t.Error(err)
	}
	if connection, err := net.DialTimeout("tcp", address, time.Minute); err != nil {
		t.Errorf("from this machine: %v", err)
	} else {
		connection.Close()
	}
	if err := b.Cut(true); err != nil {
		t.Fatal(err)
	}
	if err := reached(t, a, address, 200*time.Millisecond); err == nil || !b.IsCut() || a.IsCut() {
		t.Errorf("a machine that is cut off is reached: %v", err)
	}
	if err := b.Cut(false); err != nil {
		t.Fatal(err)
	}
	if err := reached(t, a, address, time.Minute); err != nil || b.IsCut() {
		t.Errorf("after healing: %v", err)
	}
}

func TestPause(t *testing.T) {
	m := newMachine(t, newSwitch(t, 44), 1)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	talker := exec.Command("/bin/sh", "-c", "while echo still here; do sleep 0.01; done")
	talker.Stdout = write
	if err := m.Start(talker); err != nil {
		t.Fatal(err)
	}
	write.Close()
	defer func() { _ = talker.Wait() }()
	defer func() { _ = m.Remove() }()
	heard := int(read.Fd())
	hears := func() bool {
		silent := make([]byte, 1<<16)
		ready := []unix.PollFd{{Fd: int32(heard), Events: unix.POLLIN}}
		for n, _ := unix.Poll(ready, 0); n > 0; n, _ = unix.Poll(ready, 0) {
			_, _ = unix.Read(heard, silent)
		}
		n, _ := unix.Poll(ready, 200)
		return n > 0
	}
	if !hears() {
		t.Fatal("it does not run")
	}
	if err := m.Pause(true); err != nil || !m.Paused() || hears() {
		t.Errorf("a paused machine goes on: %v, %v", err, m.Paused())
	}
	if err := m.Pause(false); err != nil || m.Paused() || !hears() {
		t.Errorf("a machine that is no longer paused does not go on: %v, %v", err, m.Paused())
	}
	if err := m.Pause(true); err != nil {
		t.Fatal(err)
	}
	if err := m.Remove(); err != nil {
		t.Errorf("removing a paused machine: %v", err)
	}
}

func TestNamesOfLinks(t *testing.T) {
	for name, want := range map[string]string{"dev": "cox-dev", "elevenchars": "cox-elevenchars", "a-name-of-many-letters": "cox-a-nam-7166"} {
		if got := (&Switch{Name: name}).Link(); !strings.HasPrefix(got, want) || len(got) > 15 {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestFoldersThatWereMade(t *testing.T) {
	s := newSwitch(t, 45)
	m := &Machine{Name: s.Name + "-1", Switch: s, IP: s.Address(1), Dir: filepath.Join(s.Owner, "1")}
	host := filepath.Join(t.TempDir(), "a", "b")
	m.Binds = []Bind{{From: filepath.Join(s.Owner, "b"), To: host}}
	t.Cleanup(func() { _ = m.Remove() })
	if err := m.Make(); err != nil {
		t.Fatal(err)
	}
	on(t, m, "touch "+host+"/here")
	if _, err := os.Stat(filepath.Join(s.Owner, "b", "here")); err != nil {
		t.Error(err)
	}
	if data, err := os.ReadFile(made); err != nil || !strings.Contains(string(data), filepath.Dir(host)+"\n"+host+"\n") {
		t.Errorf("what was made is not remembered: %s, %v", data, err)
	}
	if err := errors.Join(m.Remove(), s.Remove()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(Pins); err != nil { // nobody else has machines now
		if _, err := os.Stat(filepath.Dir(host)); err == nil {
			t.Errorf("%s is left", filepath.Dir(host))
		}
	}
}

// Two clusters come and go on one machine: what was mounted when the mounts were listed may be gone with its folder.
func TestMountsThatGoMeanwhile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := letGo([]string{dir}); err != nil {
		t.Errorf("letting a mount go whose folder was removed: %v", err)
	}
}
