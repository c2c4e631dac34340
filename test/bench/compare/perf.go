package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
	"github.com/coxswain-k8s/coxswain/test/bench/workload"
)

// perfPrefix is how the names of scenarios begin that are workloads of scheduler_perf.
const perfPrefix = "scheduler-perf"

// perfs are scenarios for the workloads of scheduler_perf with a threshold, with numbers divided by so much. They have a table of their own on the page.
func perfs(divide int) ([]scenario, error) {
	all, err := workload.All()
	if err != nil {
		return nil, err
	}
	var scenarios []scenario
	for _, w := range all {
		scenarios = append(scenarios, scenario{
			name: perfPrefix + "-" + strings.ToLower(w.Name), title: w.Name,
			about: fmt.Sprintf("scheduler_perf wants %d pods a second of upstream's scheduler.", w.Threshold),
			run:   func(ctx context.Context, t *turn) error { return t.perform(ctx, w.Divided(divide)) },
		})
	}
	return scenarios, nil
}

// perform runs one workload on a fresh cluster.
func (t *turn) perform(ctx context.Context, w workload.Workload) error {
	c, err := load.Client(t.Config, load.Protobuf)
	if err != nil {
		return err
	}
	if err := registerNodes(ctx, c, w.Nodes, w.Node); err != nil {
		return fmt.Errorf("registering nodes: %w", err)
	}
	if err := bindOne(ctx, c, "default"); err != nil {
		return fmt.Errorf("waiting for the scheduler: %w", err)
	}
	for _, name := range []string{"before", "measured"} {
		if err := newNamespace(ctx, c, name); err != nil {
			return err
		}
	}
	if err := t.equip(ctx, c, w); err != nil {
		return fmt.Errorf("telling how many volumes nodes take: %w", err)
	}
	for i, pods := range w.Before {
		before := bindingOf(pods, "before", fmt.Sprintf("kind-%d-", i))
		if err := t.provide(ctx, c, pods, before); err != nil {
			return err
		}
		if _, _, err := t.bind(ctx, before); err != nil {
			return fmt.Errorf("binding the pods before: %w", err)
		}
	}
	measured := bindingOf(w.Measured, "measured", "pod-")
	measured.profile = w.Name
	if err := t.provide(ctx, c, w.Measured, measured); err != nil {
		return err
	}
	stop := func() error { return nil }
	if w.Churn {
		stop = churn(ctx, c)
	}
	tried := attempts(ctx, c)
	result, cost, err := t.bind(ctx, measured)
	if err != nil {
		return err
	}
	if err := stop(); err != nil {
		return fmt.Errorf("churning: %w", err)
	}
	t.record(rate(fmt.Sprintf("%s: %d pods on %d nodes", w.Name, w.Measured.Count, w.Nodes), result))
	t.record(cost.figure(w.Name + ": CPU of the servers for a pod"))
	if tried = attempts(ctx, c) - tried; tried > 0 {
		t.record(figure{what: w.Name + ": attempts for a pod", value: tried / float64(w.Measured.Count)})
	}
	return nil
}

// attempts to schedule pods so far, if the API server's metrics are the scheduler's too.
func attempts(ctx context.Context, c kubernetes.Interface) float64 {
	text, err := c.Discovery().RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
	if err != nil {
		return 0
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "scheduler_schedule_attempts_total{") {
			value, _ := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
			sum += value
		}
	}
	return sum
}

// bindingOf pods of one kind.
func bindingOf(pods workload.Pods, namespace, prefix string) binding {
	name := prefix + load.Number
	return binding{namespace: namespace, name: name, pod: pods.Pod(name), pods: pods.Count}
}

// provide creates what pods need: their priority class and their volumes, bound to their claims.
func (t *turn) provide(ctx context.Context, c kubernetes.Interface, pods workload.Pods, b binding) error {
	if class := pods.Class(); class != "" {
		if _, err := c.SchedulingV1().PriorityClasses().Create(ctx, &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: class}, Value: pods.Priority}, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("creating a priority class: %w", err)
		}
	}
	if pods.Driver == "" {
		return nil
	}
	claims := c.CoreV1().PersistentVolumeClaims(b.namespace)
	list, err := claims.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return err
	}
	all, bound := map[string]bool{}, make(chan error, 1)
	go func() {
		bound <- load.Follow(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion}, claims.Watch, func(claim *corev1.PersistentVolumeClaim) bool {
			if claim.Status.Phase == corev1.ClaimBound {
				all[claim.Name] = true
			}
			return len(all) == pods.Count
		})
	}()
	if _, err := load.Repeat(workers, pods.Count, func(i int) error {
		volume, claim := pods.Volume(load.Numbered(b.name, i), b.namespace)
		if _, err := c.CoreV1().PersistentVolumes().Create(ctx, volume, metav1.CreateOptions{}); err != nil {
			return err
		}
		_, err := claims.Create(ctx, claim, metav1.CreateOptions{})
		return err
	}); err != nil {
		return fmt.Errorf("creating volumes: %w", err)
	}
	if err := <-bound; err != nil {
		return fmt.Errorf("%d of %d claims are bound: %w", len(all), pods.Count, err)
	}
	return nil
}

// equip says of every node how many volumes it takes.
func (t *turn) equip(ctx context.Context, c kubernetes.Interface, w workload.Workload) error {
	if w.Driver == "" {
		return nil
	}
	_, err := load.Repeat(workers, w.Nodes, func(i int) error {
		_, err := c.StorageV1().CSINodes().Create(ctx, w.CSINode(i), metav1.CreateOptions{})
		return err
	})
	return err
}

// churnEvery is how often things come and go.
const churnEvery = time.Second

// churn has a node, a service and a pod that fits nowhere come and go until it is told to stop.
func churn(ctx context.Context, c kubernetes.Interface) (stop func() error) {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() {
		tick := time.NewTicker(churnEvery)
		defer tick.Stop()
		for {
			if err := churnOnce(context.WithoutCancel(ctx), c); err != nil {
				done <- err
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				done <- nil
				return
			}
		}
	}()
	return func() error {
		cancel()
		return <-done
	}
}

func churnOnce(ctx context.Context, c kubernetes.Interface) error {
	node, pod := load.Node("churning"), workload.Pods{Requests: corev1.ResourceList{corev1.ResourceCPU: load.Node("").Status.Capacity[corev1.ResourceMemory]}}.Pod("churning")
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "churning"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "churning"}, Ports: []corev1.ServicePort{{Port: 80}}}}
	if _, err := c.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := c.CoreV1().Pods("default").Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := c.CoreV1().Services("default").Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return err
	}
	if err := c.CoreV1().Services("default").Delete(ctx, "churning", metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := c.CoreV1().Pods("default").Delete(ctx, "churning", metav1.DeleteOptions{}); err != nil {
		return err
	}
	return c.CoreV1().Nodes().Delete(ctx, "churning", metav1.DeleteOptions{})
}
