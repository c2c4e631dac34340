package options

import (
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
)

// machineIP returns the address by which others reach this machine: that of the interface with the default
// route, or else the first global one, or else loopback.
func machineIP() (string, error) {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return "", fmt.Errorf("listing routes: %w", err)
	}
	for _, route := range routes {
		if route.Dst != nil && !route.Dst.IP.IsUnspecified() {
			continue
		}
		if ip := firstIP(route.LinkIndex); ip != "" {
			return ip, nil
		}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("listing interfaces: %w", err)
	}
	for _, device := range interfaces {
		if device.Flags&net.FlagUp == 0 || device.Name == "cni0" {
			continue
		}
		if ip := firstIP(device.Index); ip != "" {
			return ip, nil
		}
	}
	return "127.0.0.1", nil
}

func firstIP(index int) string {
	device, err := net.InterfaceByIndex(index)
	if err != nil {
		return ""
	}
	addresses, err := device.Addrs()
	if err != nil {
		return ""
	}
	for _, address := range addresses {
		if network, ok := address.(*net.IPNet); ok && network.IP.To4() != nil && network.IP.IsGlobalUnicast() {
			return network.IP.String()
		}
	}
	return ""
}
