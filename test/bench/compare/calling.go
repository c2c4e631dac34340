package main

import (
	"context"
	"fmt"
	"os"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// workers that call at the same time.
const workers = 32

func calling() scenario {
	return scenario{
		name: "calls", title: "One object at a time, by a light client",
		about: "Pods that no scheduler takes. Every change changes something. Merge and apply patches change labels, the strategic one the status. " +
			"The light client (`test/bench/load`) encodes what it sends before the clock starts, and reads every answer to its end without decoding it. One goroutine keeps one connection " +
			"of HTTP/2 over TLS filled with as many calls as there are workers, as client-go has one connection too. It leaves most of the two cores to the servers, so that rates and latencies are theirs. " +
			"Ratios are of the rates, the p50 and the p99. The CPU is of all processes of a side, in user and kernel mode, what they do in the background meanwhile is part of it; the client's is beside it and not in the ratio.",
		run: func(ctx context.Context, t *turn) error {
			return t.call(ctx, t.callers(t.size.lightCalls), func(l callers) ([]verb, error) { return t.lightVerbs(ctx, l) })
		},
	}
}

func callingTyped() scenario {
	return scenario{
		name: "client-go", title: "One object at a time, by client-go",
		about: "The same calls by typed clients of client-go without limits of their own, as a controller makes them. Encoding, decoding and Go's client of HTTP/2 take their share of the same two cores, as much on both sides: " +
			"this is what a program beside its server gets, and the faster the server, the more of it is the client.",
		run: func(ctx context.Context, t *turn) error {
			return t.call(ctx, t.callers(t.size.calls), func(l callers) ([]verb, error) { return t.typedVerbs(ctx, l) })
		},
	}
}

// callers of each part, one after the other.
func (t *turn) callers(calls int) []callers {
	if t.profiles != "" {
		return []callers{{"protobuf", load.Protobuf, workers, calls * profiledCalls}}
	}
	return []callers{
		{"protobuf", load.Protobuf, workers, calls},
		{"protobuf", load.Protobuf, 1, t.size.lonely},
		{"JSON", load.JSON, workers, calls / 2},
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

// verb is a kind of call that is repeated.
type verb struct {
	name string
	// prepare does what is not measured.
	prepare func() (repeat func() (load.Result, error), err error)
}

// call calls by every verb, as all callers do in turn. What it cost is told behind all rates.
func (t *turn) call(ctx context.Context, all []callers, verbs func(callers) ([]verb, error)) error {
	if err := t.waitAccount(ctx); err != nil {
		return err
	}
	var costs []figure
	for _, l := range all {
		every, err := verbs(l)
		if err != nil {
			return fmt.Errorf("%s: %w", l, err)
		}
		for _, v := range every {
			cost, err := t.callBy(ctx, v, l)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", v.name, l, err)
			}
			costs = append(costs, cost)
		}
	}
	for _, cost := range costs {
		t.record(cost)
	}
	return t.recordMemory("memory after these calls")
}

// waitAccount waits until pods can be created in the namespace default.
func (t *turn) waitAccount(ctx context.Context) error {
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return err
	}
	return insist(ctx, func() error {
		_, err := c.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// callBy calls by one verb. It returns what each call cost the servers and, beside them, the client.
func (t *turn) callBy(ctx context.Context, v verb, l callers) (figure, error) {
	repeat, err := v.prepare()
	if err != nil {
		return figure{}, fmt.Errorf("preparing: %w", err)
	}
	profiled := t.profile(ctx, v.name+"-"+l.name, l.workers)
	cpu, err := t.cpuClocks()
	if err != nil {
		return figure{}, err
	}
	result, err := repeat()
	if err != nil {
		return figure{}, err
	}
	servers, client, err := cpu()
	if err != nil {
		return figure{}, err
	}
	if err := profiled(); err != nil {
		return figure{}, err
	}
	t.record(rate(v.name+", "+l.String(), result))
	each := func(d time.Duration) float64 { return float64(d/time.Duration(l.calls)) / 1e3 }
	return figure{what: "CPU of the servers for a " + v.name + ", " + l.String(), unit: micros, value: each(servers), client: each(client)}, nil
}

// cpuClocks are set to zero. They say what the servers and what this program, their client, have used since.
func (t *turn) cpuClocks() (func() (servers, client time.Duration, err error), error) {
	before, err := load.ReadUsage(t.PIDs()...)
	if err != nil {
		return nil, err
	}
	own, err := load.ReadUsage(os.Getpid())
	if err != nil {
		return nil, err
	}
	return func() (servers, client time.Duration, err error) {
		after, err := load.ReadUsage(t.PIDs()...)
		if err != nil {
			return 0, 0, err
		}
		ownAfter, err := load.ReadUsage(os.Getpid())
		return after.Since(before).CPU, ownAfter.Since(own).CPU, err
	}, nil
}

// typedVerbs are calls by a typed client, in an order in which each finds what it needs.
func (t *turn) typedVerbs(ctx context.Context, l callers) ([]verb, error) {
	c, err := load.Client(t.Config, l.encoding)
	if err != nil {
		return nil, err
	}
	pods := c.CoreV1().Pods("default")
	made := make([]*corev1.Pod, l.calls)
	name := func(i int) string { return fmt.Sprintf("pod-%d", i) }
	force := true
	repeated := func(name string, do func(i int) error) verb {
		return verb{name, func() (func() (load.Result, error), error) {
			return func() (load.Result, error) { return load.Repeat(l.workers, l.calls, do) }, nil
		}}
	}
	patch := func(kind types.PatchType, body string, options metav1.PatchOptions, parts ...string) func(i int) error {
		return func(i int) error {
			_, err := pods.Patch(ctx, name(i), kind, fmt.Appendf(nil, body, i), options, parts...)
			return err
		}
	}
	return []verb{
		repeated("create", func(i int) (err error) {
			made[i], err = pods.Create(ctx, load.Waiting(name(i)), metav1.CreateOptions{})
			return err
		}),
		repeated("get", func(i int) error {
			_, err := pods.Get(ctx, name(i), metav1.GetOptions{})
			return err
		}),
		repeated("update", func(i int) error {
			made[i].Labels["updated"] = "true"
			_, err := pods.Update(ctx, made[i], metav1.UpdateOptions{})
			return err
		}),
		repeated("merge patch", patch(types.MergePatchType, `{"metadata":{"labels":{"merged":"%d"}}}`, metav1.PatchOptions{})),
		repeated("strategic merge patch of status", patch(types.StrategicMergePatchType, `{"status":{"message":"%d"}}`, metav1.PatchOptions{}, "status")),
		repeated("apply", patch(types.ApplyPatchType, `{"apiVersion":"v1","kind":"Pod","metadata":{"labels":{"applied":"%d"}}}`,
			metav1.PatchOptions{FieldManager: "bench", Force: &force})),
		repeated("delete", func(i int) error { return pods.Delete(ctx, name(i), metav1.DeleteOptions{}) }),
	}, nil
}
