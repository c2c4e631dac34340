package nodelifecycle

import (
	"sync"
	"time"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// census knows which nodes of which zones are ready, as they come, turn and go: a list of all for each of them would cost their square. It
// says how fast those that are not are emptied.
type census struct {
	drains kit.NodeDrains

	mu    sync.Mutex
	nodes map[string]member
	zones map[string]*zone
	// all and ready are the nodes that count.
	all, ready int
	// emptied nodes have had their turn; they keep it until they are ready, or until no node is, when all lose it.
	emptied map[string]struct{}
}

type member struct {
	zone  string
	ready bool
	// aside are nodes that do not count: neither whether there is an outage, nor how large a zone is. They are emptied like others.
	aside bool
}

// zone is one failure domain.
type zone struct {
	members    int // those that do not count, too
	all, ready int
	last       time.Time // when a node had its turn
}

// longestTurn is how long a node waits for its turn at most, however slow others are emptied: a time has room for no more than 292 years.
const longestTurn = 100 * 365 * 24 * time.Hour

func newCensus(drains kit.NodeDrains) census {
	return census{drains: drains, nodes: map[string]member{}, zones: map[string]*zone{}, emptied: map[string]struct{}{}}
}

// rate is how many nodes of a zone are emptied a second: as many as ever where all are not ready, for then the zone itself is gone, fewer
// or none where many are, for then the fault may be ours.
func (c *census) rate(z *zone) float64 {
	unready := z.all - z.ready
	switch {
	case z.ready == 0, unready <= 2, float64(unready)/float64(z.all) < c.drains.Unhealthy:
		return c.drains.Rate
	case z.all > c.drains.Large:
		return c.drains.SecondaryRate
	}
	return 0
}

// evicts says whether a node that is not ready is emptied now, and otherwise how long it waits for its turn; 0 is until something
// changes. One that is emptied already goes on.
func (c *census) evicts(name string, already bool, now time.Time) (evict bool, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of, known := c.nodes[name]
	if !known { // yet: others may write it before we are told of it
		return already, 0
	}
	if of.ready || c.silent() {
		return false, 0
	}
	if already {
		c.emptied[name] = struct{}{}
	}
	if _, had := c.emptied[name]; had {
		return true, 0
	}
	z := c.zones[of.zone]
	rate := c.rate(z)
	if rate <= 0 {
		return false, 0
	}
	if !z.last.IsZero() {
		if wait := z.last.Add(time.Duration(min(float64(time.Second)/rate, float64(longestTurn)))).Sub(now); wait > 0 {
			return false, wait
		}
	}
	z.last = now
	c.emptied[name] = struct{}{}
	return true, 0
}

// silent says whether no node is ready: then the fault is more likely ours than theirs, and nothing is evicted.
func (c *census) silent() bool { return c.all > 0 && c.ready == 0 }

// take records a node, and returns those that are not ready for which this decides whether, or how soon, they are emptied.
func (c *census) take(name string, of member) []string { return c.change(name, &of) }

// drop is take for a node that is gone.
func (c *census) drop(name string) []string { return c.change(name, nil) }

func (c *census) change(name string, to *member) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	had, known := c.nodes[name]
	if known == (to != nil) && (to == nil || had == *to) {
		return nil
	}
	concerned := map[string]bool{} // zones of which something is decided
	silent, rates := c.silent(), map[string]float64{}
	for _, z := range []*member{&had, to} {
		if z != nil && c.zones[z.zone] != nil {
			rates[z.zone] = c.rate(c.zones[z.zone])
		}
	}
	c.count(name, known, had, to)
	if c.silent() {
		clear(c.emptied)
	}
	for of, before := range rates {
		concerned[of] = c.zones[of] != nil && c.rate(c.zones[of]) != before
	}
	var names []string
	for other, of := range c.nodes {
		if !of.ready && (c.silent() != silent || concerned[of.zone]) {
			names = append(names, other)
		}
	}
	return names
}

func (c *census) count(name string, known bool, had member, to *member) {
	if known {
		z := c.zones[had.zone]
		c.tally(z, had, -1)
		if z.members == 0 && (to == nil || to.zone != had.zone) {
			delete(c.zones, had.zone)
		}
		delete(c.nodes, name)
	}
	if to == nil || to.ready {
		delete(c.emptied, name)
	}
	if to == nil {
		return
	}
	z := c.zones[to.zone]
	if z == nil {
		z = &zone{}
		c.zones[to.zone] = z
	}
	c.tally(z, *to, 1)
	c.nodes[name] = *to
}

// tally adds a node to what is counted, or takes it off.
func (c *census) tally(z *zone, m member, sign int) {
	z.members += sign
	if m.aside {
		return
	}
	z.all += sign
	c.all += sign
	if m.ready {
		z.ready += sign
		c.ready += sign
	}
}
