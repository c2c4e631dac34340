package fabric

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// deviceName of the tunnel.
const deviceName = "coxswain-vx"

// ensureTunnel makes the device and its neighbours as wanted, or removes it when it is not, and returns its index.
func (k *kernel) ensureTunnel(t *tunnel) (int, error) {
	link, err := k.handle.LinkByName(deviceName)
	if missing := new(netlink.LinkNotFoundError); errors.As(err, missing) {
		link, err = nil, nil
	}
	if err != nil {
		return 0, fmt.Errorf("finding %s: %w", deviceName, err)
	}
	if link != nil && (t == nil || !k.isLike(link, t)) {
		if err := k.handle.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
			return 0, fmt.Errorf("removing %s: %w", deviceName, err)
		}
		link = nil
	}
	if t == nil {
		return 0, nil
	}
	if link == nil {
		if link, err = k.addTunnel(t); err != nil {
			return 0, err
		}
	}
	if err := k.configureTunnel(link, t); err != nil {
		return 0, err
	}
	index := link.Attrs().Index
	return index, errors.Join(k.applyNeighbours(index, t), k.applyEnds(index, t))
}

// isLike tells whether the device has what cannot be changed later.
func (k *kernel) isLike(link netlink.Link, t *tunnel) bool {
	v, ok := link.(*netlink.Vxlan)
	if !ok {
		return false
	}
	local, _ := netip.AddrFromSlice(v.SrcAddr)
	return v.VxlanId == k.vni && v.Port == k.port && v.VtepDevIndex == t.link && local.Unmap() == t.local && !v.Learning
}

func (k *kernel) addTunnel(t *tunnel) (netlink.Link, error) {
	hardware, err := net.ParseMAC(t.hardware)
	if err != nil {
		return nil, fmt.Errorf("making %s: %w", deviceName, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = deviceName, t.mtu, hardware
	err = k.handle.LinkAdd(&netlink.Vxlan{
		LinkAttrs: attrs, VxlanId: k.vni, VtepDevIndex: t.link, SrcAddr: t.local.AsSlice(), Port: k.port, Learning: false,
	})
	if err != nil {
		return nil, fmt.Errorf("making %s: %w", deviceName, err)
	}
	link, err := k.handle.LinkByName(deviceName)
	if err != nil {
		return nil, fmt.Errorf("finding %s: %w", deviceName, err)
	}
	return link, nil
}

// configureTunnel gives the device its addresses and size and brings it up.
func (k *kernel) configureTunnel(link netlink.Link, t *tunnel) error {
	if link.Attrs().MTU != t.mtu {
		if err := k.handle.LinkSetMTU(link, t.mtu); err != nil {
			return fmt.Errorf("setting the MTU of %s: %w", deviceName, err)
		}
	}
	// Something that manages the machine's network may have given the device another address.
	if link.Attrs().HardwareAddr.String() != t.hardware {
		hardware, err := net.ParseMAC(t.hardware)
		if err == nil {
			err = k.handle.LinkSetHardwareAddr(link, hardware)
		}
		if err != nil {
			return fmt.Errorf("setting the hardware address of %s: %w", deviceName, err)
		}
	}
	if err := deviceSysctls(); err != nil {
		return err
	}
	if err := k.addressTunnel(link, t.addresses); err != nil {
		return err
	}
	if link.Attrs().Flags&net.FlagUp == 0 {
		if err := k.handle.LinkSetUp(link); err != nil {
			return fmt.Errorf("bringing %s up: %w", deviceName, err)
		}
	}
	return nil
}

// addressTunnel gives the device these addresses and no others; those that the kernel makes stay.
func (k *kernel) addressTunnel(link netlink.Link, addresses []netip.Addr) error {
	have, err := k.handle.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("listing the addresses of %s: %w", deviceName, err)
	}
	wanted := map[netip.Addr]bool{}
	for _, a := range addresses {
		wanted[a] = true
	}
	for i := range have {
		ip, _ := netip.AddrFromSlice(have[i].IP)
		if ip = ip.Unmap(); wanted[ip] {
			delete(wanted, ip)
		} else if !ip.IsLinkLocalUnicast() {
			if err := k.handle.AddrDel(link, &have[i]); err != nil {
				return fmt.Errorf("taking %s from %s: %w", ip, deviceName, err)
			}
		}
	}
	for a := range wanted {
		address := &netlink.Addr{IPNet: fromPrefix(netip.PrefixFrom(a, a.BitLen()))}
		if a.Is6() {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := k.handle.AddrAdd(link, address); err != nil {
			return fmt.Errorf("giving %s the address %s: %w", deviceName, a, err)
		}
	}
	return nil
}

// deviceSysctls: a node's own address comes through the tunnel when it answers a pod, though the way back to it is outside of the
// tunnel; the strict reverse path filter would drop it. No router advertises anything on the device.
func deviceSysctls() error {
	for name, value := range map[string]string{
		"/proc/sys/net/ipv4/conf/" + deviceName + "/rp_filter": "2",
		"/proc/sys/net/ipv6/conf/" + deviceName + "/accept_ra": "0",
	} {
		if err := os.WriteFile(name, []byte(value), 0o644); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("setting %s: %w", name, err)
		}
	}
	return nil
}

// applyNeighbours says which hardware addresses the inner addresses of the other ends have.
func (k *kernel) applyNeighbours(index int, t *tunnel) error {
	missing := maps.Clone(t.neighbours)
	var errs []error
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		all, err := k.handle.NeighList(index, family)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return fmt.Errorf("listing neighbours: %w", err)
		}
		for i := range all {
			ip, _ := netip.AddrFromSlice(all[i].IP)
			ip = ip.Unmap()
			if all[i].State&netlink.NUD_PERMANENT == 0 {
				continue
			}
			if hardware, ok := missing[ip]; ok && hardware == all[i].HardwareAddr.String() {
				delete(missing, ip)
			} else if !ok {
				errs = append(errs, ignoreGone(k.handle.NeighDel(&all[i]), "removing neighbour %s", ip))
			}
		}
	}
	for ip, s := range missing {
		hardware, err := net.ParseMAC(s)
		if err == nil {
			err = k.handle.NeighSet(&netlink.Neigh{
				LinkIndex: index, Family: familyOf(ip), State: netlink.NUD_PERMANENT, IP: ip.AsSlice(), HardwareAddr: hardware,
			})
		}
		errs = append(errs, ignoreGone(err, "setting neighbour %s", ip))
	}
	return errors.Join(errs...)
}

// applyEnds says which node a hardware address is at.
func (k *kernel) applyEnds(index int, t *tunnel) error {
	missing := maps.Clone(t.ends)
	all, err := k.handle.NeighList(index, unix.AF_BRIDGE)
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return fmt.Errorf("listing the ends of the tunnel: %w", err)
	}
	var errs []error
	for i := range all {
		outer, _ := netip.AddrFromSlice(all[i].IP)
		hardware := all[i].HardwareAddr.String()
		if wanted, ok := missing[hardware]; ok && wanted == outer.Unmap() {
			delete(missing, hardware)
		} else {
			errs = append(errs, ignoreGone(k.handle.NeighDel(&all[i]), "removing the tunnel's end %s", outer.Unmap()))
		}
	}
	for s, outer := range missing {
		hardware, err := net.ParseMAC(s)
		if err == nil {
			err = k.handle.NeighSet(&netlink.Neigh{
				LinkIndex: index, Family: unix.AF_BRIDGE, Flags: netlink.NTF_SELF, State: netlink.NUD_PERMANENT | netlink.NUD_NOARP,
				IP: outer.AsSlice(), HardwareAddr: hardware,
			})
		}
		errs = append(errs, ignoreGone(err, "setting the tunnel's end %s", outer))
	}
	return errors.Join(errs...)
}

func ignoreGone(err error, doing string, a netip.Addr) error {
	if err == nil || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf(doing+": %w", a, err)
}

func familyOf(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
