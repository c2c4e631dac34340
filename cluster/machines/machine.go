package machines

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Machine is a part of this machine that looks like one of its own.
//
//	absent --Make--> running --Pause(true)--> paused --Pause(false)--> running
//	                 running --Cut(true)--> cut off --Cut(false)--> running
//	                 any --Remove--> absent; what it wrote stays in Dir
type Machine struct {
	// Name is its host name.
	Name   string
	Switch *Switch
	IP     netip.Addr
	// Dir holds what is private to it and outlasts it.
	Dir string
	// Binds are further folders that appear at other places in it.
	Binds []Bind
}

// Bind shows the folder From at To.
type Bind struct {
	From, To string
	ReadOnly bool
}

// folders that a node writes to, by where the machine keeps its own.
var folders = []Bind{
	{From: "kubelet", To: "/var/lib/kubelet"}, {From: "cni", To: "/var/lib/cni"}, {From: "etc-cni", To: "/etc/cni"},
	{From: "pods", To: "/var/log/pods"}, {From: "containers", To: "/var/log/containers"},
}

// Cgroup is the machine's root for pods, in every hierarchy.
func (m *Machine) Cgroup() string { return "/" + m.Switch.Link() + "/" + m.Name }

func (m *Machine) cgroup() cgroup { return cgroup(m.Cgroup()) }

// own is the group of what runs on the machine outside of pods.
func (m *Machine) own() cgroup { return cgroup(m.Cgroup() + "/init") }

// Exists says whether the machine is there. It is not after Remove or after this machine was started again.
func (m *Machine) Exists() bool {
	return isPin(m.pin("net")) && isPin(m.pin("mnt")) && isPin(m.pin("uts"))
}

func (m *Machine) pin(kind string) string { return pinFile(m.Switch.Dir(), m.Name, kind) }

// Make makes the machine. What is left of an earlier one must have been removed.
func (m *Machine) Make() error {
	if err := m.own().make(); err != nil {
		return err
	}
	resolv := resolver()
	err := pinned(m.Switch.Dir(), m.Name, unix.CLONE_NEWNET|unix.CLONE_NEWNS|unix.CLONE_NEWUTS, func() error {
		if err := unix.Sethostname([]byte(m.Name)); err != nil {
			return fmt.Errorf("setting the host name: %w", err)
		}
		if err := m.mount(resolv); err != nil {
			return err
		}
		return m.connect()
	})
	if err != nil {
		return fmt.Errorf("making the machine %s: %w", m.Name, err)
	}
	return nil
}

// mount makes private what a node writes to. What is mounted below /run of this machine is let go: it may be the
// namespaces of others.
func (m *Machine) mount(resolv file) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("leaving the mounts of this machine: %w", err)
	}
	below, err := mountsBelow("/run")
	if err != nil {
		return err
	}
	binds := slices.Clone(m.Binds)
	for _, each := range folders {
		binds = append(binds, Bind{From: filepath.Join(m.Dir, each.From), To: each.To})
	}
	for _, each := range binds {
		if err := each.mount(); err != nil {
			return err
		}
	}
	if err := letGo(below); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", "/run", "tmpfs", 0, "mode=0755"); err != nil {
		return fmt.Errorf("mounting /run: %w", err)
	}
	for _, dir := range []string{"/run/netns", "/run/lock", filepath.Dir(resolv.name)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if resolv.name != "" {
		if err := os.WriteFile(resolv.name, resolv.content, 0o644); err != nil {
			return err
		}
	}
	return unix.Mount("", "/", "", unix.MS_REC|unix.MS_SHARED, "")
}

// letGo unmounts dirs. Some may be gone meanwhile: whoever removes a folder removes what was mounted on it everywhere.
func letGo(dirs []string) error {
	for _, dir := range dirs {
		err := unix.Unmount(dir, unix.MNT_DETACH)
		if err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("unmounting %s: %w", dir, err)
		}
	}
	return nil
}

func (b Bind) mount() error {
	if err := errors.Join(os.MkdirAll(b.From, 0o755), makeFolder(b.To)); err != nil {
		return err
	}
	if err := unix.Mount(b.From, b.To, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding %s to %s: %w", b.From, b.To, err)
	}
	if b.ReadOnly {
		return unix.Mount("", b.To, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, "")
	}
	return nil
}

type file struct {
	name    string
	content []byte
}

// resolver is the configuration of the resolver where that is kept below /run, which a machine has its own of.
func resolver() file {
	name, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil || len(name) < 5 || name[:5] != "/run/" {
		return file{}
	}
	content, err := os.ReadFile(name)
	if err != nil {
		return file{}
	}
	return file{name, content}
}

// connect gives the machine its address.
func (m *Machine) connect() error {
	own, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return err
	}
	defer own.Close()
	if err := m.Switch.plug(m.IP, int(own.Fd())); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Name: "lo", Index: 1}}); err != nil {
		return fmt.Errorf("bringing lo up: %w", err)
	}
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return fmt.Errorf("finding eth0: %w", err)
	}
	if err := address(link, m.IP, m.Switch.Subnet.Bits()); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing eth0 up: %w", err)
	}
	everywhere := &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}
	if err := netlink.RouteAdd(&netlink.Route{Dst: everywhere, Gw: m.Switch.Host().AsSlice(), LinkIndex: link.Attrs().Index}); err != nil {
		return fmt.Errorf("adding the default route: %w", err)
	}
	return sysctls(map[string]string{"net/ipv4/ip_forward": "1", "net/bridge/bridge-nf-call-iptables": "1", "net/bridge/bridge-nf-call-ip6tables": "1"})
}

// Pause freezes everything that runs on the machine, or lets it go on.
func (m *Machine) Pause(paused bool) error { return m.cgroup().freeze(paused) }

// Paused says whether Pause froze the machine.
func (m *Machine) Paused() bool { return m.cgroup().frozen() }

// Cut takes the machine off the network, or puts it back.
func (m *Machine) Cut(off bool) error {
	if off {
		return m.Switch.withPort(m.IP, netlink.LinkSetDown)
	}
	return m.Switch.withPort(m.IP, netlink.LinkSetUp)
}

// IsCut says whether Cut took the machine off the network.
func (m *Machine) IsCut() bool {
	cut := false
	_ = m.Switch.withPort(m.IP, func(link netlink.Link) error {
		cut = link.Attrs().Flags&net.FlagUp == 0
		return nil
	})
	return cut
}

// Processes are those that run on the machine, in containers too.
func (m *Machine) Processes() []int { return m.cgroup().processes() }

// Remove ends everything that runs on the machine and removes it, but not its folder. It is no mistake if there is none.
func (m *Machine) Remove() error {
	all := m.cgroup().kill()
	if m.Switch.Exists() && isPin(m.pin("net")) {
		_ = m.Switch.unplug(m.IP) // it may not have got that far
	}
	all = errors.Join(all, unpin(m.Switch.Dir(), m.Name), m.cgroup().remove())
	for _, dir := range cgroup(m.Switch.Link()).dirs() {
		_ = unix.Rmdir(dir) // the last of them can
	}
	if all != nil {
		return fmt.Errorf("removing the machine %s: %w", m.Name, all)
	}
	return nil
}
