package kit

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
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
