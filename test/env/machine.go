package env

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/coxswain-k8s/coxswain/cluster/fleet"
	"github.com/coxswain-k8s/coxswain/cluster/machines"
)

// Machine is a part of this machine that looks like one of its own, alone on its switch.
type Machine struct {
	*machines.Machine
	// IP by which this process and others outside reach it.
	IP string
}

// NewMachine makes a machine. octet, 1 to 254, sets its network 10.99.OCTET.0/24 apart from others that run at the same time.
// What a crashed run left under the same name is removed first.
func NewMachine(_ context.Context, dir string, octet int) (*Machine, error) {
	plug := &machines.Switch{Name: fmt.Sprintf("test-%d", octet), Subnet: netip.MustParsePrefix(fmt.Sprintf("10.99.%d.0/24", octet)), Owner: dir}
	ip := plug.Host().Next()
	m := &Machine{Machine: &machines.Machine{Name: fmt.Sprintf("cox%d", octet), Switch: plug, IP: ip, Dir: dir}, IP: ip.String()}
	if err := m.Close(); err != nil {
		return nil, fmt.Errorf("removing what an earlier machine left: %w", err)
	}
	if err := errors.Join(plug.Make(), forward(plug.Link()), m.Make(), os.WriteFile(m.kubelet(), []byte(fleet.KubeletConfiguration), 0o600)); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// forward has this machine pass on what comes by a link, whether or not it does so by others: machines have a switch each, and nodes of a
// cluster reach each other through it.
func forward(link string) error {
	return os.WriteFile(filepath.Join("/proc/sys/net/ipv4/conf", link, "forwarding"), []byte("1"), 0o600)
}

// flags of a server or an agent that say where it keeps its things, and that the machine's disk is not its own.
func (m *Machine) flags(root string) []string {
	return []string{
		"--data-dir", filepath.Join(m.Dir, "data"), "--images", filepath.Join(root, "build", "images"), "--cgroup-root", m.Cgroup(), "--kubelet-config", m.kubelet(),
	}
}

// kubelet is the path of the machine's KubeletConfiguration.
func (m *Machine) kubelet() string { return filepath.Join(m.Dir, "kubelet.yaml") }

// Close ends everything that runs on the machine and removes it.
func (m *Machine) Close() error { return errors.Join(m.Machine.Remove(), m.Switch.Remove()) }

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
	killed := 0
	for _, pid := range m.Processes() {
		if match(fmt.Sprintf("/proc/%d", pid)) && syscall.Kill(pid, syscall.SIGKILL) == nil {
			killed++
		}
	}
	return killed
}
