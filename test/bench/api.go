package main

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
	"github.com/coxswain-k8s/coxswain/test/env"
)

const (
	workers = 32
	objects = 2000
	lists   = 20

	watchers = 200
	changes  = 200
)

// apiLoad measures pods that no scheduler takes: the API server alone.
func apiLoad(ctx context.Context, cluster *env.Cluster) error {
	config, err := load.Config(cluster.Kubeconfig, cluster.URL())
	if err != nil {
		return err
	}
	c, err := load.Client(config, load.Protobuf)
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
			_, err := all.Create(ctx, load.Waiting(name(i)), metav1.CreateOptions{})
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
	result, err := load.FanOut{Namespace: "default", Watchers: watchers, Changes: changes}.Run(ctx, config)
	if err != nil {
		return fmt.Errorf("watching: %w", err)
	}
	fmt.Printf("%-58s %.0f events/s\n", fmt.Sprintf("one object watched by %d clients", watchers), result.Rate)
	return repeat("delete pod", func(i int) error { return all.Delete(ctx, name(i), metav1.DeleteOptions{}) })
}

// repeat does something to every object, by several workers, and prints the rate and the latencies.
func repeat(what string, do func(i int) error) error {
	result, err := load.Repeat(workers, objects, do)
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	fmt.Printf("%-58s %.0f/s, p50 %v, p99 %v\n", fmt.Sprintf("%s, %d workers, protobuf", what, workers), result.Rate,
		result.Took.Percentile(50).Round(10*time.Microsecond), result.Took.Percentile(99).Round(10*time.Microsecond))
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
