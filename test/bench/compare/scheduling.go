package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

func scheduling1000() scenario { return scheduling("schedule-1000", 1000) }

func scheduling5000() scenario { return scheduling("schedule-5000", 5000) }

// scheduling has pods scheduled on nodes that are objects without a kubelet.
func scheduling(name string, nodes int) scenario {
	return scenario{
		name: name, title: fmt.Sprintf("Scheduling on %d nodes", nodes),
		about: "Nodes without a kubelet, ready and without taints, before pods are created by 32 workers of the light client; the time is from the first call to the watch event that says that the last one is bound. Of events no more is decoded than names. " +
			"The CPU is that until every pod's Event has been written, too, which may be after the last is bound.",
		run: func(ctx context.Context, t *turn) error {
			return t.schedule(ctx, nodes/t.size.nodesDivisor, t.size.pods)
		},
	}
}

func (t *turn) schedule(ctx context.Context, nodes, pods int) error {
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return err
	}
	if err := t.register(ctx, c, nodes); err != nil {
		return fmt.Errorf("registering nodes: %w", err)
	}
	if err := bindOne(ctx, c, "default"); err != nil {
		return fmt.Errorf("waiting for the scheduler: %w", err)
	}
	if err := newNamespace(ctx, c, "scheduled"); err != nil {
		return err
	}
	result, cost, err := t.bind(ctx, binding{namespace: "scheduled", name: numberedPod, pod: load.Requesting(numberedPod), pods: pods, profile: fmt.Sprintf("schedule on %d nodes", nodes)})
	if err != nil {
		return err
	}
	t.record(rate(fmt.Sprintf("%d pods created and bound", pods), result))
	t.record(cost.figure("CPU of the servers for a pod"))
	t.record(figure{what: "of it, creating them", unit: seconds, value: cost.creating.Seconds()})
	t.record(figure{what: "from the first call until their Events are written", unit: seconds, value: cost.telling.Seconds()})
	return t.recordMemory("memory after scheduling")
}

// binding is what is created to be bound.
type binding struct {
	namespace string
	// pod has load.Number in its name, and wherever else pods differ.
	name string
	pod  *corev1.Pod
	pods int
	// profile to write, if any.
	profile string
}

// cost of pods that were created and bound.
type cost struct {
	pods            int
	creating        time.Duration // until the last call was answered
	telling         time.Duration // until the last Event was written
	servers, client time.Duration // CPU until then
}

// figure of the CPU for each pod.
func (c cost) figure(what string) figure {
	each := func(d time.Duration) float64 { return float64(d/time.Duration(c.pods)) / 1e3 }
	return figure{what: what, unit: micros, value: each(c.servers), client: each(c.client)}
}

// bind creates pods by many workers of the light client and waits until all are bound.
func (t *turn) bind(ctx context.Context, b binding) (load.Result, cost, error) {
	create, err := lightCreate(b.namespace, b.pod, load.Protobuf)
	if err != nil {
		return load.Result{}, cost{}, err
	}
	revision, err := t.revision(ctx, b.namespace)
	if err != nil {
		return load.Result{}, cost{}, err
	}
	client, err := load.Dial(ctx, t.Config)
	if err != nil {
		return load.Result{}, cost{}, err
	}
	defer client.Close()
	waits, bound := make([]time.Duration, 0, b.pods), make(chan error, 1)
	go func() {
		bound <- load.FollowBindings(ctx, t.Config, b.namespace, revision, waiting(b.pods, &waits))
	}()
	profiled := func() error { return nil }
	if b.profile != "" {
		profiled = t.profile(ctx, b.profile, workers)
	}
	cpu, err := t.cpuClocks()
	if err != nil {
		return load.Result{}, cost{}, err
	}
	began, used := time.Now(), cost{pods: b.pods}
	if _, err := client.Repeat(ctx, workers, b.pods, create); err != nil {
		return load.Result{}, cost{}, fmt.Errorf("creating pods: %w", err)
	}
	used.creating = time.Since(began)
	if err := <-bound; err != nil {
		return load.Result{}, cost{}, fmt.Errorf("%d of %d pods were bound: %w", len(waits), b.pods, err)
	}
	result := load.Result{Rate: float64(b.pods) / time.Since(began).Seconds(), Took: load.Sorted(waits)}
	last, err := t.told(ctx, b.namespace, b.pods)
	if err != nil {
		return load.Result{}, cost{}, err
	}
	used.telling = last.Sub(began)
	if used.servers, used.client, err = cpu(); err != nil {
		return load.Result{}, cost{}, err
	}
	return result, used, profiled()
}

const (
	// toldEvery is how often is looked whether more Events have been written.
	toldEvery = 100 * time.Millisecond
	// toldQuiet is how long no more must have come when there is one for each pod, and lostQuiet when there is not: a side that
	// has more to tell than it can may leave some out.
	toldQuiet, lostQuiet = time.Second, 10 * time.Second
)

// told returns when the last Event in a namespace was written, of which there is at least one for each pod unless a side loses some.
func (t *turn) told(ctx context.Context, namespace string, pods int) (last time.Time, err error) {
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return last, err
	}
	known := int64(-1)
	err = wait.PollUntilContextCancel(ctx, toldEvery, true, func(ctx context.Context) (bool, error) {
		list, err := c.CoreV1().Events(namespace).List(ctx, metav1.ListOptions{Limit: 1})
		if err != nil {
			return false, err
		}
		count := int64(len(list.Items)) + ptr.Deref(list.RemainingItemCount, 0)
		if count != known {
			known, last = count, time.Now()
		}
		quiet := time.Since(last)
		return quiet >= lostQuiet || count >= int64(pods) && quiet >= toldQuiet, nil
	})
	return last, err
}

// revision of the pods of a namespace.
func (t *turn) revision(ctx context.Context, namespace string) (string, error) {
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return "", err
	}
	list, err := c.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return "", err
	}
	return list.ResourceVersion, nil
}

// register makes nodes that the scheduler may use, and records what that took and cost.
func (t *turn) register(ctx context.Context, c kubernetes.Interface, nodes int) error {
	profiled := t.profile(ctx, fmt.Sprintf("register %d nodes", nodes), workers)
	before, err := load.ReadUsage(t.PIDs()...)
	if err != nil {
		return err
	}
	began := time.Now()
	if err := registerNodes(ctx, c, nodes, plainNode); err != nil {
		return err
	}
	t.record(figure{what: fmt.Sprintf("%d nodes registered, until the last is free of taints", nodes), unit: seconds, value: time.Since(began).Seconds()})
	after, err := load.ReadUsage(t.PIDs()...)
	if err != nil {
		return err
	}
	t.record(figure{what: "CPU of the servers for a node", unit: micros, value: float64(after.Since(before).CPU/time.Duration(nodes)) / 1e3})
	return profiled()
}

func plainNode(i int) *corev1.Node { return load.Node(fmt.Sprintf("node-%d", i)) }

// registerNodes makes nodes and waits until their last taint is gone.
func registerNodes(ctx context.Context, c kubernetes.Interface, nodes int, node func(i int) *corev1.Node) error {
	before, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	free := make(chan error, 1)
	clean := map[string]bool{}
	go func() {
		free <- load.Follow(ctx, metav1.ListOptions{ResourceVersion: before.ResourceVersion}, c.CoreV1().Nodes().Watch, func(node *corev1.Node) bool {
			if len(node.Spec.Taints) == 0 {
				clean[node.Name] = true
			}
			return len(clean) == nodes
		})
	}()
	if _, err := load.Repeat(workers, nodes, func(i int) error {
		_, err := c.CoreV1().Nodes().Create(ctx, node(i), metav1.CreateOptions{})
		return err
	}); err != nil {
		return err
	}
	if err := <-free; err != nil {
		return fmt.Errorf("%d of %d nodes are free of taints: %w", len(clean), nodes, err)
	}
	return nil
}

// waiting notes how long each pod waits between the event that it exists and the one that it is bound, until so many are.
func waiting(pods int, waits *[]time.Duration) func(name, node string) bool {
	since := map[string]time.Time{}
	bound := map[string]bool{}
	return func(name, node string) bool {
		if _, known := since[name]; !known {
			since[name] = time.Now()
		}
		if node != "" && !bound[name] {
			bound[name] = true
			*waits = append(*waits, time.Since(since[name]))
		}
		return len(*waits) == pods
	}
}
