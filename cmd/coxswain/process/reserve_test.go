package process

import (
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// reserveOf is one of memory that no heap uses.
func reserveOf(t *testing.T, size uint64) *reserve {
	t.Helper()
	memory, err := unix.Mmap(-1, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(memory) })
	return &reserve{begin: uintptr(unsafe.Pointer(unsafe.SliceData(memory))), size: size}
}

// resident is how many of its bytes are there.
func (r *reserve) resident(t *testing.T) (bytes uint64) {
	t.Helper()
	page := uint64(unix.Getpagesize())
	there := make([]byte, r.size/page)
	if _, _, errno := unix.Syscall(unix.SYS_MINCORE, r.begin, uintptr(r.size), uintptr(unsafe.Pointer(unsafe.SliceData(there)))); errno != 0 {
		t.Fatal(errno)
	}
	for _, is := range there {
		bytes += uint64(is&1) * page
	}
	return bytes
}

func TestReserveIsTakenInTurn(t *testing.T) {
	const size, part, page = 8 << 20, 1 << 20, 64 << 10
	r := reserveOf(t, size)
	for _, step := range []struct {
		why        string
		used, more uint64
		want       uint64 // bytes that are there
	}{
		{"nothing", 0, 0, 0},
		{"the first", 0, part, part},
		{"what is taken already", part / 2, part / 4, part},
		{"the next", part / 2, part, part + part/2},
		{"with a gap", 3 * part, page, part + part/2 + page},
		{"no more than there is", size - part, 2 * part, 2*part + part/2 + page},
		{"all is used", size + part, part, 2*part + part/2 + page},
	} {
		if r.take(step.used, step.more); r.resident(t) != step.want {
			t.Errorf("%s: %d bytes are there, want %d", step.why, r.resident(t), step.want)
		}
	}
	r.gone()
	if r.take(0, size); r.resident(t) != size {
		t.Errorf("after it was given back, %d bytes are there of %d", r.resident(t), size)
	}
}

// A process whose operator decides how its heap grows has none.
func TestNoReserve(t *testing.T) {
	var r reserve
	if r.take(0, 1<<20); r.taken != 0 {
		t.Errorf("%d bytes are taken of nothing", r.taken)
	}
}

// The heap has it: it counts as free, and as the heap's.
func TestReserveIsOfTheHeap(t *testing.T) {
	const size = 16 << 20
	var r reserve
	if r.set(size); r.begin == 0 || r.size != size {
		t.Errorf("it begins at %x and has %d bytes", r.begin, r.size)
	}
	runtime.GC()
	if used := usedHeap(); used >= r.low+size/2 {
		t.Errorf("of the heap %d bytes were in use before it was made, and %d then: it is in use itself", r.low, used)
	}
}
