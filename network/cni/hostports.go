package cni

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/coxswain-k8s/coxswain/network/ipam"
	"github.com/coxswain-k8s/coxswain/network/packetfilter"
)

// openHostPorts leads the node's ports to the container.
func openHostPorts(c *Config, a ipam.Attachment) error {
	ports, err := hostPorts(a)
	if err != nil || len(ports) == 0 {
		return err
	}
	for _, p := range ports {
		if !p.HostIP.IsValid() || p.HostIP.IsLoopback() {
			// What the node sends from 127.0.0.1 leaves over the bridge, which the kernel forbids by default.
			name := "/proc/sys/net/ipv4/conf/" + c.Bridge + "/route_localnet"
			if err := setSysctl(name, "1"); err != nil {
				return fmt.Errorf("allowing host ports on 127.0.0.1: %w", err)
			}
			break
		}
	}
	return packetfilter.AddHostPorts(c.Bridge, ports)
}

// closeHostPorts closes those of the container's ports that no other container has taken over.
func closeHostPorts(store *ipam.Store, a ipam.Attachment) error {
	type port struct{ protocol, ip string }
	taken := map[port]map[uint16]bool{}
	for _, other := range store.All() {
		for _, p := range other.HostPorts {
			k := port{strings.ToLower(p.Protocol), p.HostIP}
			if taken[k] == nil {
				taken[k] = map[uint16]bool{}
			}
			taken[k][p.HostPort] = true
		}
	}
	var own []ipam.HostPort
	for _, p := range a.HostPorts {
		if !taken[port{strings.ToLower(p.Protocol), p.HostIP}][p.HostPort] {
			own = append(own, p)
		}
	}
	a.HostPorts = own
	ports, err := hostPorts(a)
	if err != nil || len(ports) == 0 {
		return err
	}
	return packetfilter.DeleteHostPorts(ports)
}

// hostPorts pairs every mapping with the container's addresses of the mapping's family, or of both.
func hostPorts(a ipam.Attachment) ([]packetfilter.HostPort, error) {
	var out []packetfilter.HostPort
	for _, m := range a.HostPorts {
		if m.HostPort == 0 {
			continue
		}
		var on netip.Addr
		if m.HostIP != "" {
			var err error
			if on, err = netip.ParseAddr(m.HostIP); err != nil {
				return nil, fmt.Errorf("parsing the host IP of port %d: %w", m.HostPort, err)
			}
		}
		for _, ip := range a.Addresses {
			if on.IsValid() && on.Is6() != ip.Is6() {
				continue
			}
			out = append(out, packetfilter.HostPort{
				HostIP: on, Protocol: m.Protocol, Port: m.HostPort, Container: netip.AddrPortFrom(ip, m.ContainerPort),
			})
		}
	}
	return out, nil
}
