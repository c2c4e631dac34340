package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
	"github.com/coxswain-k8s/coxswain/test/env"
)

// podStart measures from the creation of a pod, one after the other, to the event that says that it runs.
func podStart(ctx context.Context, cluster *env.Cluster) error {
	config, err := load.Config(cluster.Kubeconfig, cluster.URL())
	if err != nil {
		return err
	}
	c, err := load.Client(config, load.Protobuf)
	if err != nil {
		return err
	}
	if err := cluster.WaitNode(ctx); err != nil {
		return err
	}
	all := c.CoreV1().Pods("default")
	watching, err := all.Watch(ctx, metav1.ListOptions{LabelSelector: "app=bench"})
	if err != nil {
		return err
	}
	defer watching.Stop()
	var took []time.Duration
	for i := range pods {
		name := fmt.Sprintf("bench-%d", i)
		created := time.Now()
		if _, err := all.Create(ctx, load.Pod(name), metav1.CreateOptions{}); err != nil {
			return err
		}
		for event := range watching.ResultChan() {
			seen, ok := event.Object.(*corev1.Pod)
			if ok && seen.Name == name && seen.Status.Phase == corev1.PodRunning {
				break
			}
		}
		took = append(took, time.Since(created))
	}
	print("pod, create to Running (image present, one at a time)", took)
	return all.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=bench"})
}
