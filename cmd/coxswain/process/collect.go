package process

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync"
	"time"
)

// collector tells the runtime how often to collect garbage. By default that is whenever the heap has doubled: under load a small heap
// doubles many times a second, and collecting took a sixth of the server's CPU. So while collections follow one another
// closely, the heap may grow to heapUnderLoad; a server that does little, or has much, keeps to the default, and with it to
// its memory: what it needed for the start, or for a load that is over, it gives back. Whoever sets GOGC or GOMEMLIMIT decides instead.
type collector struct {
	mu      sync.Mutex
	last    time.Time
	percent int
	busy    bool // there has been load, and it is not known to be over
	own     bool // the next collection is one that settle asked for
}

const (
	defaultPercent = 100
	// startPercent is for the start, after which nearly all is still in use, and for a load that begins right after it: what collections
	// found then was not worth their time. With it there is none before the heap has heapUnderLoad.
	startPercent = 3000
	// heapUnderLoad is what a heap may grow to before it is collected. One of which more than half is in use doubles, at least.
	heapUnderLoad = 112 << 20
	// largeHeap is one that takes so long to mark, each time, that it may grow by growthUnderLoad where it would double.
	largeHeap       = 80 << 20
	growthUnderLoad = 150 << 20
	// closely is the time between two collections below which a server is under load. Once its heap may grow for that, they come more seldom.
	closely      = 2 * time.Second
	stillClosely = 10 * time.Second
	// quietly is the time between two collections that says that a load is over. The runtime collects every two minutes at least.
	quietly = time.Minute
	// started is how long after it is ready a server is busy with its start.
	started = 5 * time.Second
	// allocatedUnderLoad is what a server allocates at least in that time when it is under load; one that starts takes a third of it.
	allocatedUnderLoad = 64 << 20
	// What the runtime's metrics call that which the last collection left, and that which was ever allocated.
	liveHeap      = "/gc/heap/live:bytes"
	allocatedHeap = "/gc/heap/allocs:bytes"
)

// collectUnderLoad follows the collections of this process until it ends, and returns what to call when it is ready.
func collectUnderLoad() (ready func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	c := &collector{percent: startPercent, last: time.Now()}
	debug.SetGCPercent(startPercent)
	c.follow()
	return func() { c.settleAfter(started, readBytes(allocatedHeap)) }
}

// settleAfter settles when a time has passed, if there was no load in it: what would be given back then is needed at once. It asks
// again, less and less often, and takes the program's pages alone in between.
func (c *collector) settleAfter(wait time.Duration, before uint64) {
	time.AfterFunc(wait, func() {
		now := readBytes(allocatedHeap)
		if !isLoad(now-before, wait) {
			c.settle()
			return
		}
		forgetProgram("/proc/self/smaps")
		c.settleAfter(min(2*wait, quietly), now)
	})
}

func isLoad(allocated uint64, in time.Duration) bool {
	return allocated/allocatedUnderLoad >= uint64(in/started)
}

// follow is told of the next collection by the end of an object that nobody holds.
func (c *collector) follow() {
	runtime.SetFinalizer(&marker{collector: c}, (*marker).collected)
}

// marker is garbage from the start.
type marker struct{ collector *collector }

func (m *marker) collected() {
	if m.collector.adjust(time.Now(), readBytes(liveHeap)) {
		go m.collector.settle()
	}
	m.collector.follow()
}

// adjust sets how much the heap may grow until the next collection. It tells when a load is over.
func (c *collector) adjust(now time.Time, live uint64) (over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.own {
		c.own = false
		return false
	}
	since := now.Sub(c.last)
	c.last = now
	c.busy = c.busy || since < closely
	if over = c.busy && since >= quietly; over {
		c.busy = false
	}
	percent := percentFor(live, since < closely || c.percent != defaultPercent && since < stillClosely)
	// Setting it stops the world: not for every byte.
	if percent == c.percent || (percent != defaultPercent && c.percent != defaultPercent && percent > c.percent*3/4 && percent < c.percent*4/3) {
		return over
	}
	c.percent = percent
	debug.SetGCPercent(percent)
	return over
}

// settle gives back what is not in use now.
func (c *collector) settle() {
	c.mu.Lock()
	c.own = true
	if c.percent != defaultPercent {
		c.percent = defaultPercent
		debug.SetGCPercent(defaultPercent)
	}
	c.mu.Unlock()
	debug.FreeOSMemory()
	forgetProgram("/proc/self/smaps")
}

// percentFor says by how much a heap may grow of which so much is in use.
func percentFor(live uint64, loaded bool) int {
	growth := uint64(0)
	switch {
	case !loaded || live == 0:
		return defaultPercent
	case live >= largeHeap:
		growth = growthUnderLoad
	case live < heapUnderLoad:
		growth = heapUnderLoad - live
	}
	return int(min(max(growth*100/live, defaultPercent), 800))
}

func readBytes(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
