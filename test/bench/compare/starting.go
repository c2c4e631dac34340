package main

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/kubernetes"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// retryEvery is how soon a call is tried again that needs something a controller has yet to make.
const retryEvery = 5 * time.Millisecond

func starting() scenario {
	return scenario{
		name: "start", title: "Cold start",
		about: "From starting the first process with an empty data folder until GET /readyz is 200, and until a pod is bound that is created as soon as a node that was registered at once has no taint left. " +
			"Upstream's certificates are there already, Coxswain makes its own in that time. Upstream's controllers and scheduler start when its API server is ready: started with it they back off, and the pod is bound 2 seconds later.",
		run: func(ctx context.Context, t *turn) error {
			c, err := load.Client(t.Config, load.Protobuf)
			if err != nil {
				return err
			}
			if err := registerNodes(ctx, c, 1, plainNode); err != nil {
				return fmt.Errorf("registering a node: %w", err)
			}
			if err := bindOne(ctx, c, "default"); err != nil {
				return fmt.Errorf("binding the first pod: %w", err)
			}
			bound := time.Since(t.Launched)
			t.record(duration("cold start to ready", t.ReadyAfter))
			t.record(duration("cold start to the first pod bound", bound))
			return nil
		},
	}
}

// bindOne makes a pod and waits until it has a node.
func bindOne(ctx context.Context, c kubernetes.Interface, namespace string) error {
	var pod *corev1.Pod
	if err := insist(ctx, func() (err error) {
		pod, err = c.CoreV1().Pods(namespace).Create(ctx, load.Pod("first"), metav1.CreateOptions{})
		return err
	}); err != nil {
		return err
	}
	return load.Follow(ctx, metav1.ListOptions{
		ResourceVersion: pod.ResourceVersion, FieldSelector: fields.OneTermEqualSelector("metadata.name", pod.Name).String(),
	}, c.CoreV1().Pods(namespace).Watch, func(seen *corev1.Pod) bool { return seen.Spec.NodeName != "" })
}

// insist tries again while a call is refused for want of something that is being made, such as a service account.
func insist(ctx context.Context, call func() error) error {
	for {
		err := call()
		if err == nil || !(apierrors.IsForbidden(err) || apierrors.IsNotFound(err)) {
			return err
		}
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
			return fmt.Errorf("%w: last: %w", ctx.Err(), err)
		}
	}
}

// newNamespace makes a namespace and waits until pods can be created in it.
func newNamespace(ctx context.Context, c kubernetes.Interface, name string) error {
	if _, err := c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	return insist(ctx, func() error {
		_, err := c.CoreV1().ServiceAccounts(name).Get(ctx, "default", metav1.GetOptions{})
		return err
	})
}

// settle is how long a cluster is left alone before it is called idle.
const settle = 10 * time.Second

func idling() scenario {
	return scenario{
		name: "idle", title: "Doing nothing",
		about: "An empty cluster, 10 seconds after it is ready, left alone for half a minute. Sums over all processes: one of Coxswain's, four of upstream's.",
		run: func(ctx context.Context, t *turn) error {
			if err := pause(ctx, settle); err != nil {
				return err
			}
			before, err := load.ReadUsage(t.PIDs()...)
			if err != nil {
				return err
			}
			if err := pause(ctx, t.size.idle); err != nil {
				return err
			}
			after, err := load.ReadUsage(t.PIDs()...)
			if err != nil {
				return err
			}
			used := after.Since(before)
			t.record(figure{what: "CPU", unit: percent, value: used.CPU.Seconds() / t.size.idle.Seconds() * 100})
			t.record(figure{what: "written to disk in " + t.size.idle.String(), unit: kibibytes, value: float64(used.Written) / 1024})
			return t.recordMemory("memory, idle")
		},
	}
}

// recordMemory records what the processes hold.
func (t *turn) recordMemory(what string) error {
	memory, err := load.ReadMemory(t.PIDs()...)
	if err != nil {
		return err
	}
	t.record(figure{what: what + ", resident", unit: mebibytes, value: float64(memory.Resident) / (1 << 20)})
	t.record(figure{what: what + ", anonymous", unit: mebibytes, value: float64(memory.Anonymous) / (1 << 20)})
	return nil
}

// pause lets time pass, which is what is measured.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
