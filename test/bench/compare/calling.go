package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// workers that call at the same time.
const workers = 32

func calling() scenario {
	return scenario{
		name: "calls", title: "One object at a time",
		about: "Pods that no scheduler takes, by typed clients of client-go without limits of their own. Every change changes something. " +
			"Merge and apply patches change labels, the strategic one the status. " +
			"The CPU is of all processes of a side, the client's not among them, in user and kernel mode, and what they do in the background meanwhile is part of it.",
		run: func(ctx context.Context, t *turn) error {
			var costs []figure
			for _, l := range t.callers() {
				more, err := t.call(ctx, l)
				if err != nil {
					return fmt.Errorf("%s: %w", l, err)
				}
				costs = append(costs, more...)
			}
			for _, cost := range costs {
				t.record(cost)
			}
			return t.recordMemory("memory after these calls")
		},
	}
}

// callers of each part, one after the other.
func (t *turn) callers() []callers {
	if t.profiles != "" {
		return []callers{{"protobuf", load.Protobuf, workers, t.size.calls * profiledCalls}}
	}
	return []callers{
		{"protobuf", load.Protobuf, workers, t.size.calls},
		{"protobuf", load.Protobuf, 1, t.size.lonely},
		{"JSON", load.JSON, workers, t.size.calls / 2},
		{"JSON", load.JSON, 1, t.size.lonely / 2},
	}
}

// callers are those who call at the same time, in one encoding.
type callers struct {
	name, encoding string
	workers, calls int
}

func (l callers) String() string {
	if l.workers == 1 {
		return l.name + ", 1 worker"
	}
	return fmt.Sprintf("%s, %d workers", l.name, l.workers)
}

// call calls by every verb. It returns what each call cost the servers.
func (t *turn) call(ctx context.Context, l callers) ([]figure, error) {
	c, err := load.Client(t.Config, l.encoding)
	if err != nil {
		return nil, err
	}
	if err := insist(ctx, func() error {
		_, err := c.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	}); err != nil {
		return nil, err
	}
	var costs []figure
	for _, verb := range verbs(ctx, c.CoreV1().Pods("default"), l.calls) {
		profiled := t.profile(ctx, verb.name+"-"+l.name, l.workers)
		before, err := load.ReadUsage(t.PIDs()...)
		if err != nil {
			return nil, err
		}
		result, err := load.Repeat(l.workers, l.calls, verb.do)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", verb.name, err)
		}
		after, err := load.ReadUsage(t.PIDs()...)
		if err != nil {
			return nil, err
		}
		if err := profiled(); err != nil {
			return nil, err
		}
		t.record(rate(verb.name+", "+l.String(), result))
		each := after.Since(before).CPU / time.Duration(l.calls)
		costs = append(costs, figure{what: "CPU of the servers for a " + verb.name + ", " + l.String(), unit: micros, value: float64(each) / 1e3})
	}
	return costs, nil
}

type verb struct {
	name string
	do   func(i int) error
}

// verbs in an order in which each finds what it needs.
func verbs(ctx context.Context, pods typedcorev1.PodInterface, calls int) []verb {
	made := make([]*corev1.Pod, calls)
	name := func(i int) string { return fmt.Sprintf("pod-%d", i) }
	force := true
	patch := func(kind types.PatchType, body string, options metav1.PatchOptions, parts ...string) func(i int) error {
		return func(i int) error {
			_, err := pods.Patch(ctx, name(i), kind, fmt.Appendf(nil, body, i), options, parts...)
			return err
		}
	}
	return []verb{
		{"create", func(i int) (err error) {
			made[i], err = pods.Create(ctx, load.Waiting(name(i)), metav1.CreateOptions{})
			return err
		}},
		{"get", func(i int) error {
			_, err := pods.Get(ctx, name(i), metav1.GetOptions{})
			return err
		}},
		{"update", func(i int) error {
			made[i].Labels["updated"] = "true"
			_, err := pods.Update(ctx, made[i], metav1.UpdateOptions{})
			return err
		}},
		{"merge patch", patch(types.MergePatchType, `{"metadata":{"labels":{"merged":"%d"}}}`, metav1.PatchOptions{})},
		{"strategic merge patch of status", patch(types.StrategicMergePatchType, `{"status":{"message":"%d"}}`, metav1.PatchOptions{}, "status")},
		{"apply", patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied":"%d"}}}`,
			metav1.PatchOptions{FieldManager: "bench", Force: &force})},
		{"delete", func(i int) error { return pods.Delete(ctx, name(i), metav1.DeleteOptions{}) }},
	}
}
