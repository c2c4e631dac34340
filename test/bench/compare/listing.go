package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// manyLists are under way at the same time.
const manyLists = 20

func listing() scenario {
	return scenario{
		name: "list", title: "Lists",
		about: "All pods of a namespace, one list after the other. The light client reads the body and throws it away, compressed or not, so that the client's work hardly counts. By client-go is the same with its client of HTTP/2, which tells the server after every few KB that it has read them, and decoded is what its informers do with it. " +
			"The CPU is of all processes of a side, the change of a label between two lists part of it where there is one. The growth is the highest resident memory of the processes, while 20 clients list at the same time, above what they had before.",
		run: func(ctx context.Context, t *turn) error {
			c, err := load.Client(t.Config, load.Protobuf)
			if err != nil {
				return err
			}
			for _, part := range []struct {
				namespace string
				pods      int
			}{{"few", t.size.fewPods}, {"many", t.size.manyPods}} {
				if err := fill(ctx, c, part.namespace, part.pods); err != nil {
					return fmt.Errorf("making %d pods: %w", part.pods, err)
				}
				if err := t.lists(ctx, part.namespace, part.pods); err != nil {
					return fmt.Errorf("listing %d pods: %w", part.pods, err)
				}
			}
			for _, encoding := range []struct{ name, media string }{{"protobuf", load.Protobuf}, {"JSON", load.JSON}} {
				what := fmt.Sprintf("%d lists of %d pods at the same time, %s", manyLists, t.size.manyPods, encoding.name)
				if err := t.listTogether(ctx, what, "many", encoding.media); err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
			}
			return t.recordMemory(fmt.Sprintf("memory with %d pods, after these lists", t.size.fewPods+t.size.manyPods))
		},
	}
}

// fill makes pods in a new namespace.
func fill(ctx context.Context, c kubernetes.Interface, namespace string, pods int) error {
	if err := newNamespace(ctx, c, namespace); err != nil {
		return err
	}
	_, err := load.Repeat(workers, pods, func(i int) error {
		_, err := c.CoreV1().Pods(namespace).Create(ctx, load.Waiting(fmt.Sprintf("pod-%d", i)), metav1.CreateOptions{})
		return err
	})
	return err
}

// lists measures every way of listing a namespace.
func (t *turn) lists(ctx context.Context, namespace string, pods int) error {
	var costs []figure
	lists := t.size.lists * min(5, t.size.manyPods/pods) // the kernel counts CPU in ticks
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return err
	}
	for _, way := range []struct {
		name, encoding, query, compression string
		changed                            bool
	}{
		{"protobuf", load.Protobuf, "", "", false},
		{"JSON", load.JSON, "", "", false},
		{"protobuf, resourceVersion=0", load.Protobuf, "?resourceVersion=0", "", false},
		{"JSON, resourceVersion=0", load.JSON, "?resourceVersion=0", "", false},
		{"protobuf, gzip as client-go asks for by default", load.Protobuf, "", "gzip", false},
		{"protobuf, one changed between lists", load.Protobuf, "", "", true},
		{"protobuf, gzip, one changed between lists", load.Protobuf, "", "gzip", true},
	} {
		before := func(int) error { return nil }
		if way.changed {
			before = func(i int) error { return relabel(ctx, c, namespace, i) }
		}
		request := lightRequest(http.MethodGet, podsPath(namespace)+way.query, nil, way.encoding)
		request.Compression = way.compression
		cost, err := t.timeLightly(ctx, fmt.Sprintf("%d pods, %s", pods, way.name), lists, before, request)
		if err != nil {
			return fmt.Errorf("%s: %w", way.name, err)
		}
		if way.query == "" {
			costs = append(costs, cost)
		}
	}
	if err := t.listTyped(ctx, c, namespace, pods, lists); err != nil {
		return fmt.Errorf("by client-go: %w", err)
	}
	for _, cost := range costs {
		t.record(cost)
	}
	return nil
}

// timeLightly is timeLists by the light client.
func (t *turn) timeLightly(ctx context.Context, what string, times int, before func(i int) error, r load.Request) (figure, error) {
	client, err := load.Dial(ctx, t.Config)
	if err != nil {
		return figure{}, err
	}
	cost, err := t.timeLists(what, times, before, func() error {
		_, err := client.Repeat(ctx, 1, 1, r)
		return err
	})
	return cost, errors.Join(err, client.Close())
}

// listTyped lists by client-go, with its body thrown away and with its body decoded.
func (t *turn) listTyped(ctx context.Context, c kubernetes.Interface, namespace string, pods, lists int) error {
	nothing := func(int) error { return nil }
	if _, err := t.timeLists(fmt.Sprintf("%d pods, protobuf, by client-go", pods), lists, nothing, func() error {
		return readList(ctx, c.CoreV1().RESTClient(), namespace)
	}); err != nil {
		return err
	}
	_, err := t.timeLists(fmt.Sprintf("%d pods, protobuf, by client-go, decoded", pods), lists, nothing, func() error {
		list, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{})
		if err == nil && len(list.Items) != pods {
			err = fmt.Errorf("%d pods are listed", len(list.Items))
		}
		return err
	})
	return err
}

// relabel changes one pod.
func relabel(ctx context.Context, c kubernetes.Interface, namespace string, i int) error {
	patch := fmt.Appendf(nil, `{"metadata":{"labels":{"relabelled":"%d"}}}`, time.Now().UnixNano())
	_, err := c.CoreV1().Pods(namespace).Patch(ctx, fmt.Sprintf("pod-%d", i), types.MergePatchType, patch, metav1.PatchOptions{})
	return err
}

// timeLists records the median of several lists, without what comes before each. It returns what each cost the servers with that, the
// first of them apart, for which encodings may have to be made.
func (t *turn) timeLists(what string, times int, before func(i int) error, list func() error) (figure, error) {
	var took []time.Duration
	var first load.Usage
	for i := range times + 1 {
		if err := before(i); err != nil {
			return figure{}, err
		}
		began := time.Now()
		if err := list(); err != nil {
			return figure{}, err
		}
		if i > 0 {
			took = append(took, time.Since(began))
			continue
		}
		var err error
		if first, err = load.ReadUsage(t.PIDs()...); err != nil {
			return figure{}, err
		}
	}
	all, err := load.ReadUsage(t.PIDs()...)
	t.record(duration(what, load.Sorted(took).Percentile(50)))
	return duration("CPU of the servers for a list of "+what, all.Since(first).CPU/time.Duration(len(took))), err
}

// listTogether has several clients list at the same time, each over a connection of its own.
func (t *turn) listTogether(ctx context.Context, what, namespace, encoding string) error {
	clients := make([]*load.Light, manyLists)
	for i := range clients {
		c, err := load.Dial(ctx, t.Config)
		if err != nil {
			return err
		}
		defer c.Close()
		clients[i] = c
	}
	request := lightRequest(http.MethodGet, podsPath(namespace), nil, encoding)
	var took time.Duration
	growth, err := load.Growth(func() error {
		began := time.Now()
		_, err := load.Repeat(manyLists, manyLists, func(i int) error {
			_, err := clients[i].Repeat(ctx, 1, 1, request)
			return err
		})
		took = time.Since(began)
		return err
	}, t.PIDs()...)
	if err != nil {
		return err
	}
	t.record(duration(what+", until the last is read", took))
	t.record(figure{what: "growth of memory during " + what, unit: mebibytes, value: float64(growth) / (1 << 20)})
	return nil
}

func readList(ctx context.Context, c rest.Interface, namespace string) error {
	body, err := c.Get().Namespace(namespace).Resource("pods").Stream(ctx)
	if err != nil {
		return err
	}
	defer body.Close()
	_, err = io.Copy(io.Discard, body)
	return err
}

func watching() scenario {
	return scenario{
		name: "watch", title: "Watches",
		about: "One object changes while many clients watch it, 50 on a connection. They and who changes it are light clients: one goroutine reads all events of a connection, without decoding them. " +
			"The latency is from the call that changes the object to a watcher's having read the event. Paced: the next change is made when all have seen the last. " +
			"The CPU is of all processes of a side, for the changes too; the client's is beside it and not in the ratio.",
		run: func(ctx context.Context, t *turn) error {
			var costs []figure
			for _, f := range []load.FanOut{
				{Watchers: t.size.fewWatch, Changes: t.size.changes},
				{Watchers: t.size.fewWatch, Changes: t.size.changes, Paced: true},
				{Watchers: t.size.manyWatch, Changes: t.size.pacedMany, Paced: true},
			} {
				f.Namespace, f.Servers = "default", t.PIDs()
				if t.profiles != "" {
					f.Changes *= profiledCalls
				}
				what := fmt.Sprintf("events to %d watchers", f.Watchers)
				if f.Paced {
					what += ", paced"
				}
				profiled := t.profile(ctx, what, f.Watchers)
				result, err := f.Run(ctx, t.Config)
				if err = errors.Join(err, profiled()); err != nil {
					return fmt.Errorf("%s: %w", what, err)
				}
				t.record(rate(what, result))
				each := func(d time.Duration) float64 { return float64(d/time.Duration(len(result.Took))) / 1e3 }
				costs = append(costs, figure{what: "CPU of the servers for each of the " + what, unit: micros, value: each(result.CPU), client: each(result.ClientCPU)})
			}
			for _, cost := range costs {
				t.record(cost)
			}
			return t.recordMemory("memory after these watches")
		},
	}
}
