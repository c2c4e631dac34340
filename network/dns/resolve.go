package dns

import (
	"maps"
	"net/netip"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
	"k8s.io/apimachinery/pkg/types"
)

// specVersion is the version of the Kubernetes DNS specification that dns-version.DOMAIN tells.
const specVersion = "1.1.0"

// found is what a name stands for. A name that exists may have nothing of the type asked for.
type found struct {
	exists    bool
	addresses []netip.Addr
	alias     string
	targets   []target
	text      string
	pointers  []string
}

// contains tells whether the name, in lower case, is in the cluster's domain.
func (x *index) contains(name string) bool {
	return name == x.domain || strings.HasSuffix(name, "."+x.domain)
}

// find looks a name of the cluster's domain up. The name is in lower case.
func (x *index) find(name string) found {
	if name == x.domain {
		return found{exists: true}
	}
	labels := mdns.SplitDomainName(strings.TrimSuffix(name, x.domain))
	slices.Reverse(labels)
	x.mu.RLock()
	defer x.mu.RUnlock()
	switch labels[0] {
	case "svc":
		return x.findService(labels[1:])
	case "pod":
		return x.findPod(labels[1:])
	case "dns-version":
		return found{exists: len(labels) == 1, text: specVersion}
	}
	return found{}
}

// findService is given the labels from the namespace inwards: NS, SVC, HOST or _PROTO, _PORT.
func (x *index) findService(labels []string) found {
	switch len(labels) {
	case 0:
		return found{exists: true}
	case 1:
		return found{exists: x.namespaces[labels[0]]}
	}
	r := x.records[types.NamespacedName{Namespace: labels[0], Name: labels[1]}]
	if r == nil {
		return found{}
	}
	switch len(labels) {
	case 2:
		return r.own()
	case 3:
		if strings.HasPrefix(labels[2], "_") {
			return found{exists: r.hasProtocol(labels[2])}
		}
		host, ok := r.hosts[labels[2]]
		return found{exists: ok, addresses: host}
	case 4:
		targets, ok := r.ports[labels[3]+"."+labels[2]]
		return found{exists: ok, targets: targets}
	}
	return found{}
}

// own is what the Service's own name stands for. A headless Service without ready endpoints does not exist.
func (r *records) own() found {
	f := found{exists: len(r.addresses) > 0 || r.alias != "", addresses: r.addresses, alias: r.alias}
	for _, key := range slices.Sorted(maps.Keys(r.ports)) {
		f.targets = append(f.targets, r.ports[key]...)
	}
	return f
}

func (r *records) hasProtocol(protocol string) bool {
	for key := range r.ports {
		if strings.HasSuffix(key, "."+protocol) {
			return true
		}
	}
	return false
}

// findPod is given the labels from the namespace inwards: NS, A-B-C-D.
func (x *index) findPod(labels []string) found {
	switch len(labels) {
	case 0:
		return found{exists: true}
	case 1:
		return found{exists: x.namespaces[labels[0]]}
	case 2:
		if ip, ok := undashed(labels[1]); ok && x.namespaces[labels[0]] {
			return found{exists: true, addresses: []netip.Addr{ip}}
		}
	}
	return found{}
}

// reverse looks an address up.
func (x *index) reverse(ip netip.Addr) found {
	x.mu.RLock()
	defer x.mu.RUnlock()
	names := x.pointers[ip]
	return found{exists: len(names) > 0, pointers: slices.Clone(names)}
}

// reversed is the address that a name below in-addr.arpa or ip6.arpa stands for.
func reversed(name string) (netip.Addr, bool) {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		labels := strings.Split(rest, ".")
		slices.Reverse(labels)
		ip, err := netip.ParseAddr(strings.Join(labels, "."))
		return ip, err == nil
	}
	rest, ok := strings.CutSuffix(name, ".ip6.arpa.")
	if !ok || len(rest) != 63 {
		return netip.Addr{}, false
	}
	nibbles := strings.Split(rest, ".")
	slices.Reverse(nibbles)
	var b strings.Builder
	for i, n := range nibbles {
		if i > 0 && i%4 == 0 {
			b.WriteByte(':')
		}
		b.WriteString(n)
	}
	ip, err := netip.ParseAddr(b.String())
	return ip, err == nil
}
