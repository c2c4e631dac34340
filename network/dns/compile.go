package dns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
)

// compile turns a Service and its slices into records. It is a pure function; fqdn is the Service's full name.
func compile(svc *corev1.Service, bySlice map[string]*discoveryv1.EndpointSlice, fqdn string) *records {
	r := &records{ports: map[string][]target{}, hosts: map[string][]netip.Addr{}, pointers: map[netip.Addr][]string{}}
	if svc.Spec.Type == corev1.ServiceTypeExternalName {
		r.alias = strings.ToLower(strings.TrimSuffix(svc.Spec.ExternalName, ".")) + "."
		return r
	}
	headless := svc.Spec.ClusterIP == corev1.ClusterIPNone
	if !headless {
		r.clusterIPs(svc, fqdn)
	}
	for _, name := range slices.Sorted(maps.Keys(bySlice)) {
		r.endpoints(bySlice[name], fqdn, headless)
	}
	return r
}

func (r *records) clusterIPs(svc *corev1.Service, fqdn string) {
	all := svc.Spec.ClusterIPs
	if len(all) == 0 {
		all = []string{svc.Spec.ClusterIP}
	}
	for _, s := range all {
		if ip, err := netip.ParseAddr(s); err == nil {
			r.addresses = append(r.addresses, ip.Unmap())
			r.point(ip, fqdn)
		}
	}
	for _, p := range svc.Spec.Ports {
		r.addPort(p.Name, p.Protocol, target{host: fqdn, port: uint16(p.Port)})
	}
}

// endpoints of a headless Service stand behind its name and ports; those of any Service may have names of their own.
func (r *records) endpoints(s *discoveryv1.EndpointSlice, fqdn string, headless bool) {
	if s.AddressType == discoveryv1.AddressTypeFQDN {
		return
	}
	for i := range s.Endpoints {
		e := &s.Endpoints[i]
		named := e.Hostname != nil && *e.Hostname != ""
		if e.Conditions.Ready != nil && !*e.Conditions.Ready || !headless && !named {
			continue
		}
		for _, address := range e.Addresses {
			ip, err := netip.ParseAddr(address)
			if err != nil {
				continue
			}
			host := dashed(ip)
			if named {
				host = strings.ToLower(*e.Hostname)
			}
			r.endpoint(ip.Unmap(), host, fqdn, s.Ports, headless)
		}
	}
}

func (r *records) endpoint(ip netip.Addr, host, fqdn string, ports []discoveryv1.EndpointPort, headless bool) {
	if !slices.Contains(r.hosts[host], ip) {
		r.hosts[host] = append(r.hosts[host], ip)
	}
	r.point(ip, host+"."+fqdn)
	if !headless {
		return
	}
	if !slices.Contains(r.addresses, ip) {
		r.addresses = append(r.addresses, ip)
	}
	for _, p := range ports {
		if p.Port == nil {
			continue
		}
		name, protocol := "", corev1.ProtocolTCP
		if p.Name != nil {
			name = *p.Name
		}
		if p.Protocol != nil {
			protocol = *p.Protocol
		}
		r.addPort(name, protocol, target{host: host + "." + fqdn, port: uint16(*p.Port)})
	}
}

func (r *records) addPort(name string, protocol corev1.Protocol, t target) {
	if name == "" {
		return
	}
	if protocol == "" {
		protocol = corev1.ProtocolTCP
	}
	key := "_" + strings.ToLower(name) + "._" + strings.ToLower(string(protocol))
	if !slices.Contains(r.ports[key], t) {
		r.ports[key] = append(r.ports[key], t)
	}
}

func (r *records) point(ip netip.Addr, name string) {
	ip = ip.Unmap()
	if !slices.Contains(r.pointers[ip], name) {
		r.pointers[ip] = append(r.pointers[ip], name)
	}
}

// dashed is an address as a label.
func dashed(ip netip.Addr) string {
	return strings.NewReplacer(".", "-", ":", "-").Replace(ip.Unmap().String())
}

// undashed is the address that a label stands for.
func undashed(label string) (netip.Addr, bool) {
	if ip, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ".")); err == nil {
		return ip, true
	}
	ip, err := netip.ParseAddr(strings.ReplaceAll(label, "-", ":"))
	return ip, err == nil
}
