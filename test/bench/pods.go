package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// clients of the administrator, without limits of their own.
func clients(cluster *env.Cluster) (*kubernetes.Clientset, error) {
	config, err := clientcmd.BuildConfigFromFlags("", cluster.Kubeconfig)
	if err != nil {
		return nil, err
	}
	config.Host = cluster.URL()
	config.QPS = -1
	config.ContentType = "application/vnd.kubernetes.protobuf"
	return kubernetes.NewForConfig(config)
}

func pod(name string) *corev1.Pod {
	zero := int64(0)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": "bench"}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &zero,
			Containers:                    []corev1.Container{{Name: "pause", Image: "registry.k8s.io/pause:3.10.2"}},
		},
	}
}

// podStart measures from the creation of a pod, one after the other, to the event that says that it runs.
func podStart(ctx context.Context, cluster *env.Cluster) error {
	c, err := clients(cluster)
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
		if _, err := all.Create(ctx, pod(name), metav1.CreateOptions{}); err != nil {
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
