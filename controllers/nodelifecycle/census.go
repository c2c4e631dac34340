package nodelifecycle

import (
	"sync"
)

// census knows which nodes are ready, as they come, turn and go: a list of all for each of them would cost their square.
type census struct {
	mu    sync.Mutex
	ready map[string]bool // by node
	count int             // of those that are
}

// allSilent says whether no node is ready: then the fault is more likely ours than theirs, and nothing is evicted.
func (c *census) allSilent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.silent()
}

func (c *census) silent() bool { return len(c.ready) > 0 && c.count == 0 }

// take records a node, and returns those that are not ready if this is what decides whether any of them is evicted.
func (c *census) take(name string, ready bool) []string {
	return c.change(func() {
		c.remove(name)
		c.ready[name] = ready
		if ready {
			c.count++
		}
	})
}

// drop is take for a node that is gone.
func (c *census) drop(name string) []string { return c.change(func() { c.remove(name) }) }

func (c *census) remove(name string) {
	if c.ready[name] {
		c.count--
	}
	delete(c.ready, name)
}

func (c *census) change(do func()) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.silent()
	do()
	if c.silent() == before {
		return nil
	}
	var concerned []string
	for name, ready := range c.ready {
		if !ready {
			concerned = append(concerned, name)
		}
	}
	return concerned
}
