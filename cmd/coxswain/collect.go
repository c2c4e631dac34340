package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// collector tells the runtime how often to collect garbage. By default that is whenever the heap has doubled: under load a small heap
// doubles many times a second, and collecting took a sixth of the server's CPU. So while collections follow one another
// closely, the heap may grow by roomUnderLoad; a server that does little, or has much, keeps to the default, and with it to
// its memory. Whoever sets GOGC or GOMEMLIMIT decides instead.
type collector struct {
	last    time.Time
	percent int
}

const (
	defaultPercent = 100
	// roomUnderLoad is how much a heap may grow from one collection to the next, at least.
	roomUnderLoad = 64 << 20
	// closely is the time between two collections below which a server is under load.
	closely = 500 * time.Millisecond
	// liveHeap is what the last collection left, for the runtime's metrics.
	liveHeap = "/gc/heap/live:bytes"
)

// collectUnderLoad follows the collections of this process until it ends.
func collectUnderLoad() {
	if os.Getenv("GOGC") == "" && os.Getenv("GOMEMLIMIT") == "" {
		(&collector{percent: defaultPercent}).follow()
	}
}

// follow is told of the next collection by the end of an object that nobody holds.
func (c *collector) follow() {
	runtime.SetFinalizer(&marker{collector: c}, (*marker).collected)
}

// marker is garbage from the start.
type marker struct{ collector *collector }

func (m *marker) collected() {
	m.collector.adjust(time.Now(), readLive())
	m.collector.follow()
}

// adjust sets how much the heap may grow until the next collection.
func (c *collector) adjust(now time.Time, live uint64) {
	percent := percentFor(live, now.Sub(c.last) < closely)
	c.last = now
	// Setting it stops the world: not for every byte.
	if percent == c.percent || (percent != defaultPercent && c.percent != defaultPercent && percent > c.percent*3/4 && percent < c.percent*4/3) {
		return
	}
	c.percent = percent
	debug.SetGCPercent(percent)
}

// percentFor says by how much a heap may grow of which so much is in use.
func percentFor(live uint64, loaded bool) int {
	if !loaded || live == 0 || live >= roomUnderLoad {
		return defaultPercent
	}
	return int(min(roomUnderLoad*100/live, 800))
}

func readLive() uint64 {
	sample := []metrics.Sample{{Name: liveHeap}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}
