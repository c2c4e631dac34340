package kit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Collect has the metrics of a controller shown. Where those of an earlier run of the controller are shown already, they go on: it
// returns what is to be used.
func Collect[T prometheus.Collector](to prometheus.Registerer, collector T) T {
	if to == nil {
		return collector
	}
	var already prometheus.AlreadyRegisteredError
	if errors.As(to.Register(collector), &already) {
		if earlier, ok := already.ExistingCollector.(T); ok {
			return earlier
		}
	}
	return collector
}

// Counters makes counters and has them shown.
func Counters(to prometheus.Registerer, name, help string, labels ...string) *prometheus.CounterVec {
	return Collect(to, prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels))
}

// Histograms makes histograms and has them shown.
func Histograms(to prometheus.Registerer, opts prometheus.HistogramOpts, labels ...string) *prometheus.HistogramVec {
	return Collect(to, prometheus.NewHistogramVec(opts, labels))
}

// StaleSkips counts what a Builder's Skipped tells, by the name that upstream's controllers with that prefix have for it.
func StaleSkips(to prometheus.Registerer, prefix, kind string) func(schema.GroupResource) {
	counted := Counters(to, prefix+"stale_sync_skips_total", "Total number of "+kind+" syncs skipped due to a stale watch cache.", "group", "resource")
	return func(stale schema.GroupResource) { counted.WithLabelValues(stale.Group, stale.Resource).Inc() }
}

// Names are the values of a label that anybody may make up: only so many are told apart.
type Names struct {
	mu    sync.Mutex
	known map[string]bool
}

const mostNames = 50

// Of is the value for a name: itself, or other once there are too many.
func (n *Names) Of(name string) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case n.known[name]:
	case len(n.known) >= mostNames:
		return "other"
	case n.known == nil:
		n.known = map[string]bool{name: true}
	default:
		n.known[name] = true
	}
	return name
}

// Show has what a collector finds out by itself shown while mgr runs: it may read from its cache.
func Show(mgr manager.Manager, to prometheus.Registerer, collector prometheus.Collector) error {
	if to == nil {
		return nil
	}
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		if err := to.Register(collector); err != nil {
			return fmt.Errorf("showing metrics: %w", err)
		}
		<-ctx.Done()
		to.Unregister(collector)
		return nil
	}))
}
