package rules

import (
	"maps"
	"net/netip"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/types"
)

// Change is the difference between two states. A kernel interface that applies it in one step, or in the order pools,
// frontends, deletions, never shows a frontend without its pool.
type Change struct {
	SetPools        []Pool
	DeletePools     []Pool
	SetFrontends    map[Frontend]Target
	DeleteFrontends []Frontend

	AddClusterIPs    []netip.Addr
	DeleteClusterIPs []netip.Addr
	// Endpoint addresses that appeared in, or vanished from, all pools.
	AddEndpointIPs    []netip.Addr
	DeleteEndpointIPs []netip.Addr
}

// Empty tells whether there is nothing to do.
func (c *Change) Empty() bool {
	return len(c.SetPools)+len(c.DeletePools)+len(c.SetFrontends)+len(c.DeleteFrontends)+
		len(c.AddClusterIPs)+len(c.DeleteClusterIPs)+len(c.AddEndpointIPs)+len(c.DeleteEndpointIPs) == 0
}

// State gathers the rules of all Services and knows what has changed since Take was called last. It is not safe for concurrent use.
//
// Two Services may claim one frontend (the same external IP and port, say). The older one has it, and the other takes over when it goes.
type State struct {
	services map[types.NamespacedName]entry
	claims   map[Frontend][]claim

	// What the last Take left behind, and what has changed since then.
	pools       map[string]Pool
	targets     map[Frontend]Target
	clusterIPs  counter
	endpointIPs counter

	dirtyPools     map[string]Pool
	gonePools      map[string]bool
	dirtyFrontends map[Frontend]bool
}

// Age orders Services that claim the same frontend: the smaller one wins. Ties are broken by name.
type Age int64

type entry struct {
	rules ServiceRules
}

type claim struct {
	owner  types.NamespacedName
	age    Age
	target Target
}

// NewState returns a state without Services.
func NewState() *State {
	return &State{
		services: map[types.NamespacedName]entry{}, claims: map[Frontend][]claim{},
		pools: map[string]Pool{}, targets: map[Frontend]Target{},
		clusterIPs: newCounter(), endpointIPs: newCounter(),
		dirtyPools: map[string]Pool{}, gonePools: map[string]bool{}, dirtyFrontends: map[Frontend]bool{},
	}
}

// Set replaces the rules of a Service. The zero ServiceRules takes the Service out.
func (s *State) Set(name types.NamespacedName, age Age, r ServiceRules) {
	old := s.services[name].rules
	for f := range old.Frontends {
		if _, stays := r.Frontends[f]; !stays {
			s.unclaim(f, name)
		}
	}
	for f, t := range r.Frontends {
		s.claim(f, claim{owner: name, age: age, target: t})
	}
	s.setPools(old.Pools, r.Pools)
	for _, a := range r.ClusterIPs {
		s.clusterIPs.add(a)
	}
	for _, a := range old.ClusterIPs {
		s.clusterIPs.remove(a)
	}
	if len(r.Frontends) == 0 && len(r.Pools) == 0 && r.HealthCheck == nil {
		delete(s.services, name)
		return
	}
	s.services[name] = entry{rules: r}
}

func (s *State) setPools(old, next map[string]Pool) {
	for name, p := range next {
		for _, e := range p.Endpoints {
			s.endpointIPs.add(e.Addr())
		}
		s.dirtyPools[name] = p
		delete(s.gonePools, name)
	}
	for name, p := range old {
		for _, e := range p.Endpoints {
			s.endpointIPs.remove(e.Addr())
		}
		if _, stays := next[name]; !stays {
			delete(s.dirtyPools, name)
			s.gonePools[name] = true
		}
	}
}

func (s *State) claim(f Frontend, c claim) {
	all := s.claims[f]
	if i := slices.IndexFunc(all, func(o claim) bool { return o.owner == c.owner }); i >= 0 {
		if all[i] == c {
			return
		}
		all = slices.Delete(all, i, i+1)
	}
	all = append(all, c)
	slices.SortFunc(all, older)
	s.claims[f] = all
	s.dirtyFrontends[f] = true
}

func (s *State) unclaim(f Frontend, owner types.NamespacedName) {
	all := slices.DeleteFunc(s.claims[f], func(o claim) bool { return o.owner == owner })
	if len(all) == 0 {
		delete(s.claims, f)
	} else {
		s.claims[f] = all
	}
	s.dirtyFrontends[f] = true
}

func older(a, b claim) int {
	if a.age != b.age {
		if a.age < b.age {
			return -1
		}
		return 1
	}
	if a.owner.String() < b.owner.String() {
		return -1
	}
	return 1
}

// Take returns what has changed since the last call.
func (s *State) Take() Change {
	c := Change{SetFrontends: map[Frontend]Target{}}
	for name, p := range s.dirtyPools {
		if old, ok := s.pools[name]; !ok || !reflect.DeepEqual(old, p) {
			c.SetPools = append(c.SetPools, p)
			s.pools[name] = p
		}
	}
	for name := range s.gonePools {
		if old, ok := s.pools[name]; ok {
			c.DeletePools = append(c.DeletePools, old)
			delete(s.pools, name)
		}
	}
	for f := range s.dirtyFrontends {
		s.takeFrontend(f, &c)
	}
	c.AddClusterIPs, c.DeleteClusterIPs = s.clusterIPs.take()
	c.AddEndpointIPs, c.DeleteEndpointIPs = s.endpointIPs.take()
	clear(s.dirtyPools)
	clear(s.gonePools)
	clear(s.dirtyFrontends)
	c.sort()
	return c
}

func (s *State) takeFrontend(f Frontend, c *Change) {
	old, had := s.targets[f]
	all := s.claims[f]
	if len(all) == 0 {
		if had {
			c.DeleteFrontends = append(c.DeleteFrontends, f)
			delete(s.targets, f)
		}
		return
	}
	if t := all[0].target; !had || old != t {
		c.SetFrontends[f] = t
		s.targets[f] = t
	}
}

// Everything is the change that leads from nothing to what the last Take left behind.
func (s *State) Everything() Change {
	c := Change{
		SetPools:       slices.Collect(maps.Values(s.pools)),
		SetFrontends:   maps.Clone(s.targets),
		AddClusterIPs:  s.clusterIPs.all(),
		AddEndpointIPs: s.endpointIPs.all(),
	}
	c.sort()
	return c
}

// Pool returns the pool of the given name as of the last Take.
func (s *State) Pool(name string) (Pool, bool) {
	p, ok := s.pools[name]
	return p, ok
}

// Target returns the target of the given frontend as of the last Take.
func (s *State) Target(f Frontend) (Target, bool) {
	t, ok := s.targets[f]
	return t, ok
}

// Frontends returns all frontends as of the last Take; the map is not to be changed.
func (s *State) Frontends() map[Frontend]Target { return s.targets }

// HealthChecks returns the health checks that Services ask for.
func (s *State) HealthChecks() map[types.NamespacedName]HealthCheck {
	out := map[types.NamespacedName]HealthCheck{}
	for name, e := range s.services {
		if e.rules.HealthCheck != nil {
			out[name] = *e.rules.HealthCheck
		}
	}
	return out
}

func (c *Change) sort() {
	byName := func(a, b Pool) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	}
	slices.SortFunc(c.SetPools, byName)
	slices.SortFunc(c.DeletePools, byName)
	slices.SortFunc(c.AddClusterIPs, netip.Addr.Compare)
	slices.SortFunc(c.AddEndpointIPs, netip.Addr.Compare)
}
