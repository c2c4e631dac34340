package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	if err := t.register(ctx, c, nodes); err != nil {
		return fmt.Errorf("registering nodes: %w", err)
	}
	if err := bindOne(ctx, c, "default"); err != nil {
		return fmt.Errorf("waiting for the scheduler: %w", err)
	}
	if err := newNamespace(ctx, c, "scheduled"); err != nil {
		return err
	}
	bound := make(chan error, 1)
	waits := make([]time.Duration, 0, pods)
	list, err := c.CoreV1().Pods("scheduled").List(ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	own, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return err
	}
	go func() {
		bound <- load.Follow(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion}, own.CoreV1().Pods("scheduled").Watch, waiting(pods, &waits))
	}()
	profiled := t.profile(ctx, fmt.Sprintf("schedule on %d nodes", nodes), workers)
	before, err := load.ReadUsage(t.PIDs()...)
	if err != nil {
		return err
	}
	began := time.Now()
	if _, err := load.Repeat(workers, pods, func(i int) error {
		_, err := c.CoreV1().Pods("scheduled").Create(ctx, load.Requesting(fmt.Sprintf("pod-%d", i)), metav1.CreateOptions{})
		return err
	}); err != nil {
		return fmt.Errorf("creating pods: %w", err)
	}
	created := time.Since(began)
	if err := <-bound; err != nil {
		return fmt.Errorf("%d of %d pods were bound: %w", len(waits), pods, err)
	}
	t.record(rate(fmt.Sprintf("%d pods created and bound", pods), load.Result{Rate: float64(pods) / time.Since(began).Seconds(), Took: load.Sorted(waits)}))
	after, err := load.ReadUsage(t.PIDs()...)
	if err != nil {
		return err
	}
	t.record(figure{what: "CPU of the servers for a pod", unit: micros, value: float64(after.Since(before).CPU/time.Duration(pods)) / 1e3})
	if err := profiled(); err != nil {
		return err
	}
	t.record(figure{what: "of it, creating them", unit: seconds, value: created.Seconds()})
	return t.recordMemory("memory after scheduling")
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
func waiting(pods int, waits *[]time.Duration) func(*corev1.Pod) bool {
	since := map[string]time.Time{}
	bound := map[string]bool{}
	return func(pod *corev1.Pod) bool {
		if _, known := since[pod.Name]; !known {
			since[pod.Name] = time.Now()
		}
		if pod.Spec.NodeName != "" && !bound[pod.Name] {
			bound[pod.Name] = true
			*waits = append(*waits, time.Since(since[pod.Name]))
		}
		return len(*waits) == pods
	}
}
