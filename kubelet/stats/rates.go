package stats

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

const (
	// freshest and oldest bound how far apart the two samples of a rate are, when a request finds an earlier one.
	freshest = time.Second
	oldest   = time.Minute
	// pause is how far apart they are taken when it does not.
	pause = 200 * time.Millisecond
)

type sample struct {
	at  time.Time
	cpu uint64
}

// rates remembers, per cgroup, the sample of an earlier request and the rate it found.
type rates struct {
	mu      sync.Mutex
	earlier map[string]sample
	known   map[string]uint64 // nanocores, of the earlier request
}

// nanoCores returns how much CPU each cgroup uses, given what its counter reads now. It takes a second sample only when an
// earlier request left none that is recent enough. Cgroups that are gone are forgotten.
func (r *rates) nanoCores(ctx context.Context, clk clock.Clock, now map[string]sample, again func(path string) (uint64, bool)) map[string]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	result := map[string]uint64{}
	missing := map[string]bool{}
	kept := map[string]sample{}
	for path, have := range now {
		before, ok := r.earlier[path]
		age := have.at.Sub(before.at)
		rate, known := r.known[path]
		switch {
		case ok && age < freshest && known:
			result[path], kept[path] = rate, before
		case ok && age >= freshest && age <= oldest && have.cpu >= before.cpu:
			result[path], kept[path] = perSecond(before, have), have
		default:
			missing[path] = true
		}
	}
	if len(missing) > 0 && waited(ctx, clk) {
		for path := range missing {
			cpu, ok := again(path)
			second := sample{clk.Now(), cpu}
			if ok && cpu >= now[path].cpu && second.at.After(now[path].at) {
				result[path], kept[path] = perSecond(now[path], second), second
			}
		}
	}
	r.earlier, r.known = kept, result
	return result
}

func waited(ctx context.Context, clk clock.Clock) bool {
	select {
	case <-ctx.Done():
		return false
	case <-clk.After(pause):
		return true
	}
}

func perSecond(a, b sample) uint64 {
	return uint64(float64(b.cpu-a.cpu) / b.at.Sub(a.at).Seconds())
}
