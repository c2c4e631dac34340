package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

func watching() scenario {
	return scenario{
		name: "watch", title: "Watches",
		about: "One object changes while many clients watch it, 50 on a connection. The latency is from the call that changes it to a watcher's having read the event. " +
			"Paced: the next change is made when all have seen the last. The CPU is of all processes of a side, for the changes too.",
		run: func(ctx context.Context, t *turn) error {
			var costs []figure
			for _, f := range []load.FanOut{
				{Watchers: t.size.fewWatch, Changes: t.size.changes},
				{Watchers: t.size.fewWatch, Changes: t.size.changes, Paced: true},
				{Watchers: t.size.manyWatch, Changes: t.size.pacedMany, Paced: true},
			} {
				f.Namespace, f.Servers = "default", t.PIDs()
				what := fmt.Sprintf("events to %d watchers", f.Watchers)
				if f.Paced {
					what += ", paced"
				}
				result, err := f.Run(ctx, t.Config)
				if err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
				t.record(rate(what, result))
				each := result.CPU / time.Duration(len(result.Took))
				costs = append(costs, figure{what: "CPU of the servers for each of the " + what, unit: micros, value: float64(each) / 1e3})
			}
			for _, cost := range costs {
				t.record(cost)
			}
			return t.recordMemory("memory after these watches")
		},
	}
}
