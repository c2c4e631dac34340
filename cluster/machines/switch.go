package machines

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Switch is what the machines of one network are plugged into.
//
//	this machine                the switch's namespace              a machine
//	cox-dev 10.88.0.1/24 ---- host | bridge0 | port11 ---- eth0 10.88.0.11/24
//
// A machine's default route leads to this machine, which forwards what it gets as it is set up to.
type Switch struct {
	// Name sets it apart from others on this machine.
	Name string
	// Subnet of the machines, a /24, of which the first address is this machine's.
	Subnet netip.Prefix
	// Owner is told by Conflict: the folder of who uses the name.
	Owner string
}

const (
	switchName = "switch" // of the pinned namespace
	bridgeName = "bridge0"
)

// Dir is where the namespaces of the switch and its machines are pinned.
func (s *Switch) Dir() string { return filepath.Join(Pins, s.Name) }

// Host is this machine's address.
func (s *Switch) Host() netip.Addr { return s.Subnet.Masked().Addr().Next() }

// Address is the n-th one for a machine, n from 1 to 200.
func (s *Switch) Address(n int) netip.Addr {
	bytes := s.Subnet.Masked().Addr().As4()
	bytes[3] = byte(10 + n)
	return netip.AddrFrom4(bytes)
}

// Link is the name of this machine's end.
func (s *Switch) Link() string {
	const prefix, longest = "cox-", 15
	if len(prefix)+len(s.Name) <= longest {
		return prefix + s.Name
	}
	sum := sha256.Sum256([]byte(s.Name))
	return fmt.Sprintf("%s%.5s-%x", prefix, s.Name, sum[:2])
}

// Conflict returns the owner of a switch of the same name, if it is another one.
func (s *Switch) Conflict() (owner string, ok bool) {
	owner, ok = s.owner()
	return owner, ok && owner != s.Owner
}

// Owned says whether the switch is there and its owner is this one, not another of the same name.
func (s *Switch) Owned() bool {
	owner, ok := s.owner()
	return ok && owner == s.Owner
}

// owner of the switch of this name that is there.
func (s *Switch) owner() (string, bool) {
	owner, err := os.Readlink(filepath.Join(s.Dir(), "owner"))
	return owner, err == nil && s.Exists()
}

// Exists says whether the switch is there.
func (s *Switch) Exists() bool { return isPin(pinFile(s.Dir(), switchName, "net")) }

// Make makes the switch and the link to it. What is left of an earlier one must have been removed.
func (s *Switch) Make() error {
	if err := private(s.Dir()); err != nil {
		return err
	}
	if err := os.Symlink(s.Owner, filepath.Join(s.Dir(), "owner")); err != nil {
		return err
	}
	home, err := os.Open("/proc/self/ns/net")
	if err != nil {
		return err
	}
	defer home.Close()
	if err := pinned(s.Dir(), switchName, unix.CLONE_NEWNET, func() error { return s.wire(int(home.Fd())) }); err != nil {
		return fmt.Errorf("making the switch %s: %w", s.Name, err)
	}
	link, err := netlink.LinkByName(s.Link())
	if err != nil {
		return fmt.Errorf("finding the link %s: %w", s.Link(), err)
	}
	if err := address(link, s.Host(), s.Subnet.Bits()); err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}

// wire sets the bridge up, in the switch's namespace.
func (s *Switch) wire(home int) error {
	if err := sysctls(map[string]string{"net/ipv6/conf/default/disable_ipv6": "1", "net/ipv6/conf/all/disable_ipv6": "1"}); err != nil {
		return err
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("making the bridge: %w", err)
	}
	host := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "host", MasterIndex: bridge.Attrs().Index},
		PeerName:  s.Link(), PeerNamespace: netlink.NsFd(home), PeerHardwareAddr: hardware(s.Host()),
	}
	if err := netlink.LinkAdd(host); err != nil {
		return fmt.Errorf("making the link %s: %w", s.Link(), err)
	}
	for _, link := range []netlink.Link{host, bridge} {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("bringing %s up: %w", link.Attrs().Name, err)
		}
	}
	return nil
}

// plug gives the namespace that machine is open at its end of a link to the switch.
func (s *Switch) plug(ip netip.Addr, machine int) error {
	return inside(s.Dir(), switchName, unix.CLONE_NEWNET, func() error {
		bridge, err := netlink.LinkByName(bridgeName)
		if err != nil {
			return fmt.Errorf("finding the bridge: %w", err)
		}
		port := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: port(ip), MasterIndex: bridge.Attrs().Index},
			PeerName:  "eth0", PeerNamespace: netlink.NsFd(machine), PeerHardwareAddr: hardware(ip),
		}
		if err := netlink.LinkAdd(port); err != nil {
			return fmt.Errorf("making the link of %s: %w", ip, err)
		}
		return netlink.LinkSetUp(port)
	})
}

// unplug removes the port of an address.
func (s *Switch) unplug(ip netip.Addr) error {
	return s.withPort(ip, netlink.LinkDel)
}

func (s *Switch) withPort(ip netip.Addr, f func(netlink.Link) error) error {
	return inside(s.Dir(), switchName, unix.CLONE_NEWNET, func() error {
		link, err := netlink.LinkByName(port(ip))
		if err != nil {
			return fmt.Errorf("finding the port of %s: %w", ip, err)
		}
		return f(link)
	})
}

func port(ip netip.Addr) string { return fmt.Sprintf("port%d", ip.As4()[3]) }

// hardware is an address that stays the same when a machine is made again, so that its neighbours find it at once.
func hardware(ip netip.Addr) net.HardwareAddr {
	bytes := ip.As4()
	return net.HardwareAddr{0x02, 0xc0, bytes[0], bytes[1], bytes[2], bytes[3]}
}

func address(link netlink.Link, ip netip.Addr, bits int) error {
	err := netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(bits, 32)}})
	if err != nil {
		return fmt.Errorf("giving %s the address %s: %w", link.Attrs().Name, ip, err)
	}
	return nil
}

// Remove removes the switch, and the namespaces of machines that are left on it. It is no mistake if there is none.
func (s *Switch) Remove() error {
	var all error
	if link, err := netlink.LinkByName(s.Link()); err == nil {
		all = errors.Join(all, netlink.LinkDel(link))
	}
	if mounted(s.Dir()) {
		all = errors.Join(all, unix.Unmount(s.Dir(), unix.MNT_DETACH))
	}
	if err := os.RemoveAll(s.Dir()); err != nil {
		all = errors.Join(all, err)
	}
	if os.Remove(Pins) == nil { // others may be there
		removeFolders()
		_ = os.Remove(filepath.Dir(Pins)) // so may a server on this machine itself
	}
	if all != nil {
		return fmt.Errorf("removing the switch %s: %w", s.Name, all)
	}
	return nil
}

// sysctls sets parameters of this thread's network namespace. Those that the kernel does not have are left out.
func sysctls(values map[string]string) error {
	for name, value := range values {
		if err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// Sweep ends everything that runs on machines of the switch, and removes them and it, whatever a crash left of them.
func (s *Switch) Sweep() error {
	all := cgroup(s.Link())
	return errors.Join(all.kill(), all.remove(), s.Remove())
}

// Traces says whether anything of the switch or its machines is there.
func (s *Switch) Traces() bool {
	for _, dir := range append(cgroup(s.Link()).dirs(), s.Dir()) {
		if _, err := os.Stat(dir); err == nil {
			return true
		}
	}
	_, err := netlink.LinkByName(s.Link())
	return err == nil
}
