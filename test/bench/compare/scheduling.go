package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

func scheduling1000() scenario { return scheduling("schedule-1000", 1000) }

func scheduling5000() scenario { return scheduling("schedule-5000", 5000) }

// scheduling has pods scheduled on nodes that are objects without a kubelet.
func scheduling(name string, nodes int) scenario {
	return scenario{
		name: name, title: fmt.Sprintf("Scheduling on %d nodes", nodes),
		about: "Nodes without a kubelet, ready and without taints, before pods are created by 32 workers; the time is from the first call to the watch event that says that the last one is bound.",
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
	began := time.Now()
	if err := registerNodes(ctx, c, nodes); err != nil {
		return fmt.Errorf("registering nodes: %w", err)
	}
	t.record(figure{what: fmt.Sprintf("%d nodes registered, until the last is free of taints", nodes), unit: seconds, value: time.Since(began).Seconds()})
	if err := newNamespace(ctx, c, "scheduled"); err != nil {
		return err
	}
	own, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return err
	}
	watching, err := own.CoreV1().Pods("scheduled").Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer watching.Stop()
	bound := make(chan load.Times, 1)
	go func() { bound <- awaitBound(watching, pods) }()
	began = time.Now()
	if _, err := load.Repeat(workers, pods, func(i int) error {
		_, err := c.CoreV1().Pods("scheduled").Create(ctx, load.Requesting(fmt.Sprintf("pod-%d", i)), metav1.CreateOptions{})
		return err
	}); err != nil {
		return fmt.Errorf("creating pods: %w", err)
	}
	created := time.Since(began)
	waits := <-bound
	if len(waits) != pods {
		return fmt.Errorf("%d of %d pods were bound: %w", len(waits), pods, ctx.Err())
	}
	t.record(rate(fmt.Sprintf("%d pods created and bound", pods), load.Result{Rate: float64(pods) / time.Since(began).Seconds(), Took: waits}))
	t.record(figure{what: "of it, creating them", unit: seconds, value: created.Seconds()})
	return t.recordMemory("memory after scheduling")
}

// registerNodes makes nodes and waits until their last taint is gone.
func registerNodes(ctx context.Context, c kubernetes.Interface, nodes int) error {
	watching, err := c.CoreV1().Nodes().Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	defer watching.Stop()
	free := make(chan int, 1)
	go func() {
		clean := map[string]bool{}
		for event := range watching.ResultChan() {
			node, ok := event.Object.(*corev1.Node)
			if !ok || event.Type == watch.Deleted {
				continue
			}
			if len(node.Spec.Taints) == 0 {
				clean[node.Name] = true
			}
			if len(clean) == nodes {
				break
			}
		}
		free <- len(clean)
	}()
	if _, err := load.Repeat(workers, nodes, func(i int) error {
		_, err := c.CoreV1().Nodes().Create(ctx, load.Node(fmt.Sprintf("node-%d", i)), metav1.CreateOptions{})
		return err
	}); err != nil {
		return err
	}
	if clean := <-free; clean != nodes {
		return fmt.Errorf("%d of %d nodes are free of taints: %w", clean, nodes, ctx.Err())
	}
	return nil
}

// awaitBound returns how long each pod waited between the event that it exists and the one that it is bound.
func awaitBound(watching watch.Interface, pods int) load.Times {
	since := map[string]time.Time{}
	bound := map[string]bool{}
	var waits []time.Duration
	for event := range watching.ResultChan() {
		pod, ok := event.Object.(*corev1.Pod)
		if !ok || bound[pod.Name] {
			continue
		}
		if _, known := since[pod.Name]; !known {
			since[pod.Name] = time.Now()
		}
		if pod.Spec.NodeName != "" {
			bound[pod.Name] = true
			waits = append(waits, time.Since(since[pod.Name]))
		}
		if len(waits) == pods {
			break
		}
	}
	return load.Sorted(waits)
}
