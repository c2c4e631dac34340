package kit

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
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
