package process

import (
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserve is memory for the heap to grow into. A page that is touched for the first time is a fault of its own, two where it is read before it
// is written: a heap that grows with a load paid a sixth of its CPU for them, and the threads of other cores had to stop for each of the second
// kind. Whoever asks the kernel for many pages at once pays a third of it.
//
// It costs addresses and no memory until something of it is taken. The heap uses low addresses first, and so goes through it from its beginning.
type reserve struct {
	begin uintptr
	size  uint64
	low   uint64 // what the heap uses that is not of it

	mu    sync.Mutex
	taken uint64 // of its bytes, from the beginning
}

// set makes one behind what is in use. It is for the start of a process, when there is next to nothing to be collected: that takes ten
// milliseconds all the same, for which nobody waits.
func (r *reserve) set(size uint64) {
	r.low = usedHeap()
	memory := make([]byte, size)
	r.begin, r.size = uintptr(unsafe.Pointer(unsafe.SliceData(memory))), size
	go runtime.GC() // which gives it to the heap
}

// take takes so much behind what was used of it. What the kernel does not give is had as before, page by page.
func (r *reserve) take(used, more uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	page := uint64(unix.Getpagesize())
	from, to := max(used, r.taken)/page*page, min(used+more, r.size)/page*page
	if from >= to {
		return
	}
	_, _, _ = unix.Syscall(unix.SYS_MADVISE, r.begin+uintptr(from), uintptr(to-from), unix.MADV_POPULATE_WRITE)
	r.taken = to
}

// gone says that all of it that is free was given back.
func (r *reserve) gone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken = 0
}

const (
	// The last look is before the time at which a server that has little to do gives back what it does not need.
	firstLook, lastLook = 25 * time.Millisecond, time.Second
	// What the runtime's metrics call the parts of the heap that are not free.
	objectsOfHeap = "/memory/classes/heap/objects:bytes"
	unusedOfHeap  = "/memory/classes/heap/unused:bytes"
)

func usedHeap() uint64 { return readBytes(objectsOfHeap) + readBytes(unusedOfHeap) }

// ahead looks, at times that are twice as far apart each time, how much was allocated since the last look, and takes what will be until the
// next, with half as much to spare: a server that has just started and is called at once grows more than ever again, and one that is not takes little.
func (r *reserve) ahead(wait time.Duration, before uint64) {
	time.AfterFunc(wait, func() {
		now, used := readBytes(allocatedHeap), usedHeap()
		r.take(used-min(r.low, used), 3*(now-before))
		if wait < lastLook {
			r.ahead(2*wait, now)
		}
	})
}
