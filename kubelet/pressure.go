package kubelet

import (
	"bufio"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	imageGCEvery = 5 * time.Minute
	// pressureStays is how long a condition stays after its cause went, so that it does not flap.
	pressureStays = 5 * time.Minute
)

// pressure watches the room on the node, whenever the node's status is computed.
type pressure struct {
	mu      sync.Mutex
	last    map[corev1.NodeConditionType]time.Time // when it was last there
	imageFs string
	gcAt    time.Time
}

// conditions says which pressures there are.
func (p *pressure) conditions(k *Kubelet) map[corev1.NodeConditionType]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.last == nil {
		p.last = map[corev1.NodeConditionType]time.Time{}
	}
	now := k.Clock.Now()
	least := k.Eviction
	if free, all, ok := memory(); ok && least.MemoryAvailable.under(free, all) {
		p.last[corev1.NodeMemoryPressure] = now
	}
	own, images := roomOn(k.RootDir), p.imageRoom(k)
	if least.NodeFsAvailable.under(own.free, own.size) || least.NodeFsInodesFree.under(own.freeInodes, own.inodes) || least.ImageFsAvailable.under(images.free, images.size) {
		p.last[corev1.NodeDiskPressure] = now
	}
	if used := images.size - images.free; used > images.size/100*k.ImageGCHigh && now.Sub(p.gcAt) > imageGCEvery {
		p.gcAt = now
		k.wg.Go(func() { k.freeImages(used - images.size/100*k.ImageGCLow) })
	}
	out := map[corev1.NodeConditionType]bool{}
	for t, at := range p.last {
		out[t] = now.Sub(at) < pressureStays
	}
	return out
}

// imageRoom is the room on the file system that has the images.
func (p *pressure) imageRoom(k *Kubelet) room {
	if p.imageFs == "" {
		info, err := k.runtime.ImageFsInfo(k.ctx)
		if err != nil || len(info.ImageFilesystems) == 0 {
			return room{}
		}
		p.imageFs = info.ImageFilesystems[0].GetFsId().GetMountpoint()
	}
	return roomOn(p.imageFs)
}

// freeImages removes unused images.
func (k *Kubelet) freeImages(enough uint64) {
	freed, err := k.imageGC.Free(k.ctx, enough)
	if err != nil && k.ctx.Err() == nil {
		k.log.Error(err, "removing unused images failed")
		return
	}
	k.log.Info("removed unused images", "freedBytes", freed, "wantedBytes", enough)
	if freed < enough {
		ref := &corev1.ObjectReference{Kind: "Node", Name: k.NodeName, UID: types.UID(k.NodeName)}
		k.Recorder.Eventf(ref, corev1.EventTypeWarning, "FreeDiskSpaceFailed", "Failed to garbage collect required amount of images. Attempted to free %d bytes, but only found %d bytes eligible to free.", enough, freed)
	}
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
