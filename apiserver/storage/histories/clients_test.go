package histories

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

const clients = 6

// history is what clients asked and were told.
type history struct {
	began time.Time
	mu    sync.Mutex
	all   []porcupine.Operation
	// pending are operations whose answer was lost with the process.
	pending  []porcupine.Operation
	serial   atomic.Int64
	answered atomic.Int64
}

func newHistory() *history { return &history{began: time.Now()} }

func (h *history) now() int64 { return int64(time.Since(h.began)) }

// usual is how long clients go on: what is checked takes memory by the square of it.
const usual = time.Second

// repeat checks histories once, or for as long as is asked for.
func repeat(t *testing.T, check func()) {
	t.Helper()
	asked := os.Getenv("COXSWAIN_HISTORY")
	if asked == "" {
		asked = "0"
	}
	d, err := time.ParseDuration(asked)
	if err != nil {
		t.Fatalf("COXSWAIN_HISTORY: %v", err)
	}
	for end := time.Now().Add(d); ; {
		check()
		if t.Failed() || !time.Now().Before(end) {
			return
		}
	}
}

// run has clients call m until ctx ends; each ends at once when an answer is lost, and says which operation it was.
func (h *history) run(ctx context.Context, m machine) (lost []porcupine.Operation) {
	var all sync.WaitGroup
	losses := make(chan porcupine.Operation, clients)
	for id := range clients {
		all.Go(func() {
			seen := [cells]int64{}
			for ctx.Err() == nil {
				r := h.random(seen)
				o := porcupine.Operation{ClientId: id, Input: r, Call: h.now()}
				a, err := m.do(context.WithoutCancel(ctx), r)
				if err != nil {
					losses <- o
					return
				}
				for cell, record := range a.Seen {
					if record.Revision != 0 {
						seen[cell] = record.Revision
					}
				}
				if a.Outcome == done && r.Kind == write {
					seen[r.Cell] = a.Revision
				}
				o.Output, o.Return = a, h.now()
				h.add(o)
			}
		})
	}
	all.Wait()
	close(losses)
	for o := range losses {
		lost = append(lost, o)
	}
	return lost
}

func (h *history) add(o porcupine.Operation) {
	h.answered.Add(1)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, o)
}

// settle records writes whose answer was lost: they happened before now, or never will. Reads tell nothing.
func (h *history) settle(lost []porcupine.Operation) {
	for _, o := range lost {
		switch o.Input.(request).Kind {
		case write, writeBoth, remove:
			o.Output, o.Return = answer{Outcome: unknown}, h.now()
			h.add(o)
		}
	}
}

var kinds = []kind{get, list, write, write, write, writeBoth, remove, cachedGet, cachedGet, cachedList}

// random is a request; conditions are often such that they hold.
func (h *history) random(seen [cells]int64) request {
	r := request{Kind: kinds[rand.IntN(len(kinds))], Cell: rand.IntN(cells), Value: fmt.Sprint(h.serial.Add(1)), Expected: anyRevision}
	if r.Kind == write || r.Kind == remove {
		switch rand.IntN(3) {
		case 0:
			r.Expected = seen[r.Cell]
		case 1:
			r.Expected = 0
		}
	}
	if r.Kind == remove {
		r.Value = ""
		r.Expected = max(r.Expected, anyRevision)
		if r.Expected == 0 {
			r.Expected = anyRevision
		}
	}
	return r
}

// check looks for an order that explains the history.
func (h *history) check(t *testing.T) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := map[outcome]int{}
	for _, o := range h.all {
		counts[o.Output.(answer).Outcome]++
	}
	t.Logf("%d operations: %v", len(h.all), counts)
	began := time.Now()
	result, info := porcupine.CheckOperationsVerbose(model, h.all, 2*time.Minute)
	t.Logf("checked in %s: %s", time.Since(began).Round(time.Millisecond), result)
	if result == porcupine.Ok {
		return
	}
	if file, err := os.CreateTemp("", "history-*.html"); err == nil {
		defer file.Close()
		if porcupine.Visualize(model, info, file) == nil {
			t.Errorf("no order explains what was seen; drawn in %s", file.Name())
		}
	}
	t.Errorf("the history is %s", result)
}
