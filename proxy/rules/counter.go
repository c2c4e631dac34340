package rules

import (
	"maps"
	"net/netip"
	"slices"
)

// counter is a set of addresses that several owners may put the same address in, and that knows how it differs from what it was.
type counter struct {
	count map[netip.Addr]int
	// taken are the addresses that were present at the last take.
	taken map[netip.Addr]bool
	dirty map[netip.Addr]bool
}

func newCounter() counter {
	return counter{count: map[netip.Addr]int{}, taken: map[netip.Addr]bool{}, dirty: map[netip.Addr]bool{}}
}

func (c *counter) add(a netip.Addr) {
	c.count[a]++
	c.dirty[a] = true
}

func (c *counter) remove(a netip.Addr) {
	c.count[a]--
	if c.count[a] <= 0 {
		delete(c.count, a)
	}
	c.dirty[a] = true
}

func (c *counter) take() (added, removed []netip.Addr) {
	for a := range c.dirty {
		switch now := c.count[a] > 0; {
		case now && !c.taken[a]:
			c.taken[a] = true
			added = append(added, a)
		case !now && c.taken[a]:
			delete(c.taken, a)
			removed = append(removed, a)
		}
	}
	clear(c.dirty)
	return added, removed
}

func (c *counter) all() []netip.Addr { return slices.Collect(maps.Keys(c.taken)) }
