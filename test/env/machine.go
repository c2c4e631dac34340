package env

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Machine is a part of this machine that looks like one of its own.
type Machine struct {
	Name string
	// IP by which this process and others outside reach it.
	IP string
	// Dir holds what is private to it: run, kubelet, log, cni.
	Dir string

	holder *exec.Cmd
}

// setup makes the folders that a node writes to private, and then waits to be killed: its process holds the namespaces.
const setup = `set -e
mount --make-rprivate /
mkdir -p /var/lib/kubelet /etc/cni/net.d /var/log/pods /var/log/containers
mount -t tmpfs tmpfs /run
mkdir -p /run/netns /run/lock
for pair in kubelet:/var/lib/kubelet cni:/etc/cni/net.d pods:/var/log/pods containers:/var/log/containers; do
	mkdir -p "$DIR/${pair%%:*}"
	mount --bind "$DIR/${pair%%:*}" "${pair#*:}"
done
mount --make-rshared /
hostname "$NAME"
echo ready
exec sleep infinity
`

// NewMachine makes a machine. octet, 1 to 254, sets its network 10.99.OCTET.0/24 apart from others that run at the same time.
// What a crashed run left under the same name is removed first.
func NewMachine(ctx context.Context, dir string, octet int) (*Machine, error) {
	m := &Machine{Name: fmt.Sprintf("cox%d", octet), IP: fmt.Sprintf("10.99.%d.2", octet), Dir: dir}
	if err := m.remove(); err != nil {
		return nil, fmt.Errorf("removing what an earlier machine left: %w", err)
	}
	if err := m.makeCgroups(); err != nil {
		return nil, err
	}
	gateway := fmt.Sprintf("10.99.%d.1", octet)
	for _, command := range [][]string{
		{"ip", "netns", "add", m.Name},
		{"ip", "link", "add", m.Name, "type", "veth", "peer", "name", "eth0", "netns", m.Name},
		{"ip", "addr", "add", gateway + "/24", "dev", m.Name},
		{"ip", "link", "set", m.Name, "up"},
		{"ip", "-n", m.Name, "link", "set", "lo", "up"},
		{"ip", "-n", m.Name, "addr", "add", m.IP + "/24", "dev", "eth0"},
		{"ip", "-n", m.Name, "link", "set", "eth0", "up"},
		{"ip", "-n", m.Name, "route", "add", "default", "via", gateway},
	} {
		if out, err := exec.CommandContext(ctx, command[0], command[1:]...).CombinedOutput(); err != nil {
			return nil, errors.Join(fmt.Errorf("running %s: %w: %s", strings.Join(command, " "), err, out), m.remove())
		}
	}
	if err := m.hold(); err != nil {
		return nil, errors.Join(err, m.remove())
	}
	return m, nil
}

// hold starts the process that keeps the mount and host name namespaces.
func (m *Machine) hold() error {
	m.holder = exec.Command("nsenter", "--net=/run/netns/"+m.Name, "unshare", "--mount", "--uts", "sh", "-c", setup)
	m.holder.Env = append(os.Environ(), "DIR="+m.Dir, "NAME="+m.Name)
	m.holder.Stderr = os.Stderr
	out, err := m.holder.StdoutPipe()
	if err != nil {
		return err
	}
	m.holder.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := m.holder.Start(); err != nil {
		return fmt.Errorf("starting the machine's holder: %w", err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		return fmt.Errorf("setting up the machine: %w: %s", err, line)
	}
	return nil
}

// Command is a command on the machine, in its control group.
func (m *Machine) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	pid := strconv.Itoa(m.holder.Process.Pid)
	enter := `for procs in $PROCS; do echo $$ > "$procs"; done; exec nsenter -t "$PID" -m -u -n -- "$@"`
	command := exec.CommandContext(ctx, "sh", append([]string{"-c", enter, "sh", name}, args...)...)
	var procs []string
	for _, dir := range m.cgroups() {
		procs = append(procs, filepath.Join(dir, "init", "cgroup.procs"))
	}
	command.Env = append(os.Environ(), "PID="+pid, "PROCS="+strings.Join(procs, " "))
	return command
}

// Cgroup is the machine's root for pods, in every hierarchy.
func (m *Machine) Cgroup() string { return "/" + m.Name }

// cgroups are the machine's folders: one per hierarchy of version 1, or the one of version 2.
func (m *Machine) cgroups() []string {
	if _, err := os.Stat("/sys/fs/cgroup/cgroup.controllers"); err == nil {
		return []string{"/sys/fs/cgroup/" + m.Name}
	}
	var dirs []string
	for _, controller := range []string{"cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "systemd", "unified"} {
		if _, err := os.Stat("/sys/fs/cgroup/" + controller); err == nil {
			dirs = append(dirs, "/sys/fs/cgroup/"+controller+"/"+m.Name)
		}
	}
	return dirs
}

func (m *Machine) makeCgroups() error {
	for _, dir := range m.cgroups() {
		for _, each := range []string{dir, filepath.Join(dir, "init")} {
			if err := os.MkdirAll(each, 0o755); err != nil {
				return fmt.Errorf("making a control group: %w", err)
			}
			for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
				if value, err := os.ReadFile(filepath.Join(filepath.Dir(each), file)); err == nil {
					_ = os.WriteFile(filepath.Join(each, file), value, 0o644)
				}
			}
		}
	}
	return nil
}

// Close ends everything that runs on the machine and removes it.
func (m *Machine) Close() error { return m.remove() }

func (m *Machine) remove() error {
	if err := m.killAll(); err != nil {
		return err
	}
	if m.holder != nil && m.holder.Process != nil {
		_ = m.holder.Process.Kill()
		_ = m.holder.Wait()
	}
	var all error
	for _, dir := range m.cgroups() {
		all = errors.Join(all, removeCgroup(dir))
	}
	_ = exec.Command("ip", "link", "del", m.Name).Run()
	if _, err := os.Stat("/run/netns/" + m.Name); err == nil {
		all = errors.Join(all, exec.Command("ip", "netns", "del", m.Name).Run())
	}
	return all
}

// killAll kills every process in the machine's control groups, until there is none.
func (m *Machine) killAll() error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		alive := 0
		for _, dir := range m.cgroups() {
			for _, pid := range processes(dir) {
				alive++
				_ = syscall.Kill(pid, syscall.SIGKILL)
			}
		}
		if alive == 0 {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d processes of machine %s do not end", alive, m.Name)
		}
		time.Sleep(10 * time.Millisecond) // the kernel announces no end of a group of version 1
	}
}

// Kill ends every process on the machine that runs the program of that base name at once, and returns how many there were.
func (m *Machine) Kill(program string) int {
	return m.killIf(func(proc string) bool {
		name, err := os.Readlink(filepath.Join(proc, "exe"))
		return err == nil && filepath.Base(name) == program
	})
}

// KillCommand is Kill for those with exactly these arguments.
func (m *Machine) KillCommand(args ...string) int {
	return m.killIf(func(proc string) bool {
		line, err := os.ReadFile(filepath.Join(proc, "cmdline"))
		return err == nil && string(line) == strings.Join(args, "\x00")+"\x00"
	})
}

func (m *Machine) killIf(match func(proc string) bool) int {
	killed := map[int]bool{}
	for _, dir := range m.cgroups() {
		for _, pid := range processes(dir) {
			if !killed[pid] && match(fmt.Sprintf("/proc/%d", pid)) {
				killed[pid] = syscall.Kill(pid, syscall.SIGKILL) == nil
			}
		}
	}
	return len(killed)
}

func processes(dir string) []int {
	var pids []int
	_ = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.Name() != "cgroup.procs" {
			return nil
		}
		data, _ := os.ReadFile(name)
		for _, field := range strings.Fields(string(data)) {
			if pid, err := strconv.Atoi(field); err == nil && pid != 0 {
				pids = append(pids, pid)
			}
		}
		return nil
	})
	return pids
}

// removeCgroup removes a control group and those below it, the deepest first.
func removeCgroup(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			if err := removeCgroup(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return os.Remove(dir)
}
