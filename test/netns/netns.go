// Package netns gives tests network namespaces of their own: real links, routes and packets that touch nothing of the machine's.
// It needs root and skips the test without. A namespace has no name and is gone with the test.
package netns

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	kernel "github.com/vishvananda/netns"
)

// Namespace is a network namespace without a name. It lives as long as the test.
type Namespace struct {
	Name   string
	Handle kernel.NsHandle
}

// New makes a namespace with its loopback up, or skips the test when that is not allowed.
func New(t testing.TB, name string) *Namespace {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: makes network namespaces")
	}
	ns := &Namespace{Name: name}
	errs := make(chan error)
	go func() {
		// The thread ends with the goroutine: it is never given back.
		runtime.LockOSThread()
		var err error
		ns.Handle, err = kernel.New()
		errs <- err
	}()
	if err := <-errs; err != nil {
		t.Skipf("making a network namespace: %v", err)
	}
	t.Cleanup(func() { _ = ns.Handle.Close() })
	ns.Do(t, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	// Without these an IPv6 link is not usable in its first second.
	for _, scope := range []string{"all", "default"} {
		ns.Sysctl(t, "net/ipv6/conf/"+scope+"/accept_dad", "0")
	}
	return ns
}

// Path names the namespace for other processes' configuration, as long as this process runs.
func (n *Namespace) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(n.Handle)) }

// Do runs f on a thread inside of the namespace.
func (n *Namespace) Do(t testing.TB, f func() error) {
	t.Helper()
	if err := n.Try(f); err != nil {
		t.Fatal(err)
	}
}

// Try runs f on a thread inside of the namespace and returns its error.
func (n *Namespace) Try(f func() error) error {
	errs := make(chan error)
	go func() {
		runtime.LockOSThread()
		if err := kernel.Set(n.Handle); err != nil {
			errs <- err
			return
		}
		errs <- f()
	}()
	return <-errs
}

// Sysctl sets a value below /proc/sys.
func (n *Namespace) Sysctl(t testing.TB, name, value string) {
	t.Helper()
	n.Do(t, func() error { return os.WriteFile("/proc/sys/"+name, []byte(value), 0o644) })
}

// Connect joins peer's eth0 to a new link of n by a veth pair, each side with its addresses (CIDR notation).
func (n *Namespace) Connect(t testing.TB, peer *Namespace, name string, addresses, peerAddresses []string) {
	t.Helper()
	n.Do(t, func() error {
		link := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(peer.Handle)),
		}
		if err := netlink.LinkAdd(link); err != nil {
			return fmt.Errorf("adding veth %s: %w", name, err)
		}
		return configure(name, addresses)
	})
	peer.Do(t, func() error { return configure("eth0", peerAddresses) })
}

// Route routes a destination (CIDR notation) over the link and, unless it is empty, the gateway.
func (n *Namespace) Route(t testing.TB, destination, link, gateway string) {
	t.Helper()
	n.Do(t, func() error {
		l, err := netlink.LinkByName(link)
		if err != nil {
			return err
		}
		_, dst, err := net.ParseCIDR(destination)
		if err != nil {
			return err
		}
		r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: dst, Gw: net.ParseIP(gateway)}
		if gateway == "" {
			r.Scope = netlink.SCOPE_LINK
		}
		if err := netlink.RouteAdd(r); err != nil {
			return fmt.Errorf("routing %s: %w", destination, err)
		}
		return nil
	})
}

func configure(name string, addresses []string) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return err
	}
	const noDuplicateDetection = 0x02
	for _, a := range addresses {
		address, err := netlink.ParseAddr(a)
		if err != nil {
			return err
		}
		if address.IP.To4() == nil {
			address.Flags = noDuplicateDetection
		}
		if err := netlink.AddrAdd(link, address); err != nil {
			return fmt.Errorf("adding address %s: %w", a, err)
		}
	}
	return nil
}
