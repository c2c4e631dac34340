package main

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/coxswain-k8s/coxswain/test/env"
)

const (
	workers = 32
	objects = 2000
	lists   = 20
)

// load measures pods that no scheduler takes: the API server alone.
func load(ctx context.Context, cluster *env.Cluster) error {
	c, err := clients(cluster)
	if err != nil {
		return err
	}
	all := c.CoreV1().Pods("default")
	name := func(i int) string { return fmt.Sprintf("load-%d", i) }
	steps := []struct {
		what string
		do   func(i int) error
	}{
		{"create pod", func(i int) error {
			p := pod(name(i))
			p.Spec.SchedulerName = "nobody"
			_, err := all.Create(ctx, p, metav1.CreateOptions{})
			return err
		}},
		{"get pod", func(i int) error {
			_, err := all.Get(ctx, name(i), metav1.GetOptions{})
			return err
		}},
		{"patch pod status (strategic merge)", func(i int) error {
			_, err := all.Patch(ctx, name(i), types.StrategicMergePatchType, []byte(`{"status":{"message":"patched"}}`), metav1.PatchOptions{}, "status")
			return err
		}},
	}
	for _, step := range steps {
		if err := repeat(step.what, step.do); err != nil {
			return err
		}
	}
	if err := listAll(ctx, c); err != nil {
		return err
	}
	if err := fanOut(ctx, c); err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	return repeat("delete pod", func(i int) error { return all.Delete(ctx, name(i), metav1.DeleteOptions{}) })
}

// repeat does something to every object, by several workers, and prints the rate and the latencies.
func repeat(what string, do func(i int) error) error {
	var (
		mu      sync.Mutex
		working sync.WaitGroup
		took    []time.Duration
		failure error
	)
	next := make(chan int)
	started := time.Now()
	for range workers {
		working.Go(func() {
			for i := range next {
				before := time.Now()
				err := do(i)
				mu.Lock()
				took = append(took, time.Since(before))
				if err != nil && failure == nil {
					failure = fmt.Errorf("%s: %w", what, err)
				}
				mu.Unlock()
			}
		})
	}
	for i := range objects {
		next <- i
	}
	close(next)
	working.Wait()
	if failure != nil {
		return failure
	}
	rate := float64(objects) / time.Since(started).Seconds()
	slices.Sort(took)
	fmt.Printf("%-58s %.0f/s, p50 %v, p99 %v\n", fmt.Sprintf("%s, %d workers, protobuf", what, workers), rate,
		percentile(took, 50).Round(10*time.Microsecond), percentile(took, 99).Round(10*time.Microsecond))
	return nil
}

func listAll(ctx context.Context, c *kubernetes.Clientset) error {
	var took []time.Duration
	for range lists {
		before := time.Now()
		list, err := c.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(list.Items) < objects {
			return fmt.Errorf("listed %d pods of %d", len(list.Items), objects)
		}
		took = append(took, time.Since(before))
	}
	print(fmt.Sprintf("list %d pods, protobuf, consistent, decoded by the client", objects), took)
	return nil
}
