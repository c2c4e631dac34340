package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

const (
	watchers = 200
	changes  = 200
)

// fanOut changes one object that many clients watch, until all of them have seen the last change.
func fanOut(ctx context.Context, c *kubernetes.Clientset) error {
	maps := c.CoreV1().ConfigMaps("default")
	const name = "watched"
	if _, err := maps.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	last := fmt.Sprint(changes - 1)
	var opening, watching sync.WaitGroup
	var mu sync.Mutex
	received := 0
	failures := make(chan error, watchers)
	opening.Add(watchers)
	for range watchers {
		watching.Go(func() {
			stream, err := maps.Watch(ctx, metav1.ListOptions{FieldSelector: "metadata.name=" + name})
			opening.Done()
			if err != nil {
				failures <- err
				return
			}
			defer stream.Stop()
			seen := 0
			for event := range stream.ResultChan() {
				seen++
				if m, ok := event.Object.(*corev1.ConfigMap); ok && m.Data["change"] == last {
					break
				}
			}
			mu.Lock()
			received += seen
			mu.Unlock()
		})
	}
	opening.Wait()
	started := time.Now()
	for i := range changes {
		if _, err := maps.Patch(ctx, name, types.MergePatchType, fmt.Appendf(nil, `{"data":{"change":"%d"}}`, i), metav1.PatchOptions{}); err != nil {
			return err
		}
	}
	watching.Wait()
	took := time.Since(started)
	select {
	case err := <-failures:
		return err
	default:
	}
	fmt.Printf("%-58s %.0f events/s\n", fmt.Sprintf("one object watched by %d clients", watchers), float64(received)/took.Seconds())
	return maps.Delete(ctx, name, metav1.DeleteOptions{})
}
