package pressure

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
)

const (
	imageGCEvery = 5 * time.Minute
	// pressureStays is how long a condition stays after its cause went, so that it does not flap.
	pressureStays = 5 * time.Minute
)

// Gauge watches the room on the node, whenever the node's status is computed. Its exported fields are inputs.
type Gauge struct {
	Clock clock.PassiveClock
	// Least is what must stay free.
	Least *Thresholds
	// RootDir is on the file system of the node, ImageFs where that of the images is mounted.
	RootDir string
	ImageFs func() (mountpoint string, err error)
	// ImagesHigh and ImagesLow are how full, in percent, the latter may get before FreeImages is called for what is above the low one.
	// That must not block.
	ImagesHigh, ImagesLow uint64
	FreeImages            func(bytes uint64)

	mu      sync.Mutex
	last    map[corev1.NodeConditionType]time.Time // when it was last there
	imageFs string
	gcAt    time.Time
}

// Conditions says which pressures there are.
func (g *Gauge) Conditions() map[corev1.NodeConditionType]bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.last == nil {
		g.last = map[corev1.NodeConditionType]time.Time{}
	}
	now := g.Clock.Now()
	least := g.Least
	if free, all, ok := memory(); ok && least.MemoryAvailable.under(free, all) {
		g.last[corev1.NodeMemoryPressure] = now
	}
	own, images := roomOn(g.RootDir), g.imageRoom()
	if least.NodeFsAvailable.under(own.free, own.size) || least.NodeFsInodesFree.under(own.freeInodes, own.inodes) || least.ImageFsAvailable.under(images.free, images.size) {
		g.last[corev1.NodeDiskPressure] = now
	}
	if used := images.size - images.free; used > images.size/100*g.ImagesHigh && now.Sub(g.gcAt) > imageGCEvery {
		g.gcAt = now
		g.FreeImages(used - images.size/100*g.ImagesLow)
	}
	out := map[corev1.NodeConditionType]bool{}
	for t, at := range g.last {
		out[t] = now.Sub(at) < pressureStays
	}
	return out
}

// imageRoom is the room on the file system that has the images.
func (g *Gauge) imageRoom() room {
	if g.imageFs == "" {
		mountpoint, err := g.ImageFs()
		if err != nil {
			return room{}
		}
		g.imageFs = mountpoint
	}
	return roomOn(g.imageFs)
}

// room on a file system, in bytes and inodes. What cannot be read has none of either, and so is under no threshold.
type room struct{ free, size, freeInodes, inodes uint64 }

func roomOn(path string) room {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil {
		return room{}
	}
	block := uint64(fs.Bsize)
	return room{free: fs.Bavail * block, size: fs.Blocks * block, freeInodes: fs.Ffree, inodes: fs.Files}
}

// memory is what new processes could get, and what there is, in bytes.
func memory() (free, all uint64, ok bool) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0, false
	}
	defer f.Close()
	found := map[string]uint64{}
	for scanner := bufio.NewScanner(f); scanner.Scan(); {
		if words := strings.Fields(scanner.Text()); len(words) >= 2 {
			if kib, err := strconv.ParseUint(words[1], 10, 64); err == nil {
				found[words[0]] = kib << 10
			}
		}
	}
	free, ok = found["MemAvailable:"]
	return free, found["MemTotal:"], ok
}
