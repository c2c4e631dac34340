package dns

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// index holds what is known, ready to be answered with. Events change it, questions read it.
type index struct {
	domain string // cluster.local., lower case

	mu         sync.RWMutex
	namespaces map[string]bool
	services   map[types.NamespacedName]*corev1.Service
	slices     map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice
	records    map[types.NamespacedName]*records
	// pointers are the names of an address, in the order in which they came.
	pointers map[netip.Addr][]string
}

// records are all that a Service's name and the names below it stand for.
type records struct {
	// addresses of the Service's own name.
	addresses []netip.Addr
	// alias of an ExternalName, with the final dot.
	alias string
	// ports by "_port._proto".
	ports map[string][]target
	// hosts are the endpoints with names of their own.
	hosts map[string][]netip.Addr
	// pointers from addresses to names.
	pointers map[netip.Addr][]string
}

// target is where a port is served.
type target struct {
	host string
	port uint16
}

func newIndex(domain string) *index {
	return &index{
		domain:     strings.ToLower(strings.Trim(domain, ".")) + ".",
		namespaces: map[string]bool{},
		services:   map[types.NamespacedName]*corev1.Service{},
		slices:     map[types.NamespacedName]map[string]*discoveryv1.EndpointSlice{},
		records:    map[types.NamespacedName]*records{},
		pointers:   map[netip.Addr][]string{},
	}
}

func (x *index) setNamespace(n *corev1.Namespace) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.namespaces[n.Name] = true
}

func (x *index) deleteNamespace(n *corev1.Namespace) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.namespaces, n.Name)
}

func (x *index) setService(s *corev1.Service) {
	x.mu.Lock()
	defer x.mu.Unlock()
	name := types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
	x.services[name] = s
	x.rebuild(name)
}

func (x *index) deleteService(s *corev1.Service) {
	x.mu.Lock()
	defer x.mu.Unlock()
	name := types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
	delete(x.services, name)
	x.rebuild(name)
}

func (x *index) setSlice(s *discoveryv1.EndpointSlice) {
	x.mu.Lock()
	defer x.mu.Unlock()
	name := ownerOf(s)
	if x.slices[name] == nil {
		x.slices[name] = map[string]*discoveryv1.EndpointSlice{}
	}
	x.slices[name][s.Name] = s
	x.rebuild(name)
}

func (x *index) deleteSlice(s *discoveryv1.EndpointSlice) {
	x.mu.Lock()
	defer x.mu.Unlock()
	name := ownerOf(s)
	delete(x.slices[name], s.Name)
	if len(x.slices[name]) == 0 {
		delete(x.slices, name)
	}
	x.rebuild(name)
}

func ownerOf(s *discoveryv1.EndpointSlice) types.NamespacedName {
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Labels[discoveryv1.LabelServiceName]}
}

// rebuild computes the records of one Service anew and replaces its pointers.
func (x *index) rebuild(name types.NamespacedName) {
	if old := x.records[name]; old != nil {
		for ip, names := range old.pointers {
			left := slices.DeleteFunc(x.pointers[ip], func(n string) bool { return slices.Contains(names, n) })
			if len(left) == 0 {
				delete(x.pointers, ip)
			} else {
				x.pointers[ip] = left
			}
		}
		delete(x.records, name)
	}
	svc := x.services[name]
	if svc == nil {
		return
	}
	r := compile(svc, x.slices[name], x.serviceName(name))
	x.records[name] = r
	for ip, names := range r.pointers {
		x.pointers[ip] = append(x.pointers[ip], names...)
	}
}

func (x *index) serviceName(n types.NamespacedName) string {
	return n.Name + "." + n.Namespace + ".svc." + x.domain
}
