package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// left is what this process has open.
type left struct {
	goroutines int
	files      []string // what /proc/self/fd shows, without numbers of sockets
	sockets    int
	heap       uint64
}

func lookAround(t *testing.T) left {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("SKIPPED: there is no /proc/self/fd: ", err)
	}
	seen := left{goroutines: runtime.NumGoroutine()}
	for _, entry := range entries {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", entry.Name()))
		switch {
		case err != nil: // the one that read the folder
		case strings.HasPrefix(target, "socket:"):
			seen.sockets++
		default:
			seen.files = append(seen.files, target)
		}
	}
	slices.Sort(seen.files)
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	seen.heap = memory.HeapAlloc
	return seen
}

// TestStartsAndStopsLeaveNothing starts and stops one control plane after the other, COXSWAIN_STARTS of them, each with controllers, a
// node and open watches. No goroutine, file, socket or port is left, nor the memory of one that was stopped, which is 3 MB.
func TestStartsAndStopsLeaveNothing(t *testing.T) {
	starts := 12
	if text := os.Getenv("COXSWAIN_STARTS"); text != "" {
		var err error
		if starts, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	once := func() {
		dir, err := os.MkdirTemp(t.TempDir(), "")
		if err != nil {
			t.Fatal(err)
		}
		options := ForTest(dir)
		options.SimulatedNodes = 1
		running, err := Start(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		defer openWatches(t, running)()
		began := time.Now()
		if err := running.Stop(); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 30*time.Second {
			t.Errorf("stopping took %s", took)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 { // what a process does once
		once()
	}
	before := settled(t, left{})
	for i := range starts {
		once()
		if i%100 == 99 {
			t.Logf("after %d: %d goroutines, %d KiB of heap", i+1, runtime.NumGoroutine(), lookAround(t).heap/1024)
		}
	}
	after := settled(t, before)
	if after.heap > before.heap+spare {
		t.Errorf("%d KiB of heap are left, there were %d", after.heap/1024, before.heap/1024)
	}
	t.Logf("before %s; after %d starts and stops %s", before, starts, after)
	if after.goroutines > before.goroutines {
		var stacks strings.Builder
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		t.Errorf("%d goroutines are left:\n%s", after.goroutines-before.goroutines, stacks.String())
	}
	if after.sockets > before.sockets || !slices.Equal(after.files, before.files) {
		t.Errorf("sockets or files are left: %s, there were %s", after, before)
	}
}

// spare is what a process may hold more of after some starts, in pools and for what it shares.
const spare = 24 << 20

// settled waits, for connections that a stop has closed take a moment to be gone, until there is no more than before.
func settled(t *testing.T, before left) left {
	t.Helper()
	patience := 5 * time.Second
	if before.goroutines > 0 {
		patience = time.Minute
	}
	deadline, tick := time.After(patience), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	least := lookAround(t)
	for {
		select {
		case <-deadline:
			return least
		case <-tick.C:
		}
		now := lookAround(t)
		if now.goroutines <= least.goroutines {
			least = now
		}
		if before.goroutines > 0 && now.goroutines <= before.goroutines && now.sockets <= before.sockets && now.heap <= before.heap+spare {
			return now
		}
	}
}

// String implements fmt.Stringer.
func (l left) String() string {
	return fmt.Sprintf("%d goroutines, %d sockets, %d KiB of heap, %v", l.goroutines, l.sockets, l.heap/1024, l.files)
}
