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

// What must stay free, and how full the image file system may get before unused images go, in percent.
const (
	memoryFree    = 100 << 20
	nodeFsFree    = 10
	nodeInodeFree = 5
	imageFsFree   = 15
	imageGCHigh   = 85
	imageGCLow    = 80
	imageGCEvery  = 5 * time.Minute
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
	if memAvailable() < memoryFree {
		p.last[corev1.NodeMemoryPressure] = now
	}
	free, inodes, _ := room(k.RootDir)
	imageFree, imageBytes := p.imageRoom(k)
	if free < nodeFsFree || inodes < nodeInodeFree || imageFree < imageFsFree {
		p.last[corev1.NodeDiskPressure] = now
	}
	if imageFree < 100-imageGCHigh && now.Sub(p.gcAt) > imageGCEvery {
		p.gcAt = now
		enough := uint64(max(100-imageGCLow-imageFree, 1)) * imageBytes / 100
		k.wg.Go(func() { k.freeImages(enough) })
	}
	out := map[corev1.NodeConditionType]bool{}
	for t, at := range p.last {
		out[t] = now.Sub(at) < pressureStays
	}
	return out
}

// imageRoom returns the free percentage and the size of the file system that has the images.
func (p *pressure) imageRoom(k *Kubelet) (free int, size uint64) {
	if p.imageFs == "" {
		info, err := k.runtime.ImageFsInfo(k.ctx)
		if err != nil || len(info.ImageFilesystems) == 0 {
			return 100, 0
		}
		p.imageFs = info.ImageFilesystems[0].GetFsId().GetMountpoint()
	}
	free, _, size = room(p.imageFs)
	return free, size
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

// room returns the free bytes and inodes of a file system in percent, and its size. What cannot be read counts as free.
func room(path string) (free, inodes int, size uint64) {
	var fs unix.Statfs_t
	if err := unix.Statfs(path, &fs); err != nil || fs.Blocks == 0 {
		return 100, 100, 0
	}
	inodes = 100
	if fs.Files > 0 {
		inodes = int(fs.Ffree * 100 / fs.Files)
	}
	return int(fs.Bavail * 100 / fs.Blocks), inodes, fs.Blocks * uint64(fs.Bsize)
}

// memAvailable is what new processes could get, in bytes.
func memAvailable() int64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return memoryFree
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	for scanner.Scan() {
		if words := strings.Fields(scanner.Text()); len(words) >= 2 && words[0] == "MemAvailable:" {
			if kib, err := strconv.ParseInt(words[1], 10, 64); err == nil {
				return kib << 10
			}
		}
	}
	return memoryFree
}
