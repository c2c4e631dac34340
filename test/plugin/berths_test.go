package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins"
)

const profiles = `
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
profiles:
- plugins:
    multiPoint:
      enabled: [{name: Berths}]
  pluginConfig:
  - {name: Berths, args: {label: kept-for}}
`

// started runs a control plane with one node that is kept for the namespace kube-public.
func started(t *testing.T) client.Client {
	t.Helper()
	options := cluster.ForTest(t.TempDir())
	options.SimulatedNodes = 1
	options.SchedulerConfig = filepath.Join(t.TempDir(), "scheduler.yaml")
	if err := os.WriteFile(options.SchedulerConfig, []byte(profiles), 0o600); err != nil {
		t.Fatal(err)
	}
	running, err := cluster.Start(t.Context(), withBerths(options))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	})
	c, err := client.New(running.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits for something that is true in the end.
func eventually(t *testing.T, what string, is func(ctx context.Context) (bool, error)) {
	t.Helper()
	if err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, is); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// Keep labels the node for a namespace.
func keep(t *testing.T, c client.Client, namespace string) {
	t.Helper()
	eventually(t, "labelling the node", func(ctx context.Context) (bool, error) {
		nodes := &corev1.NodeList{}
		if err := c.List(ctx, nodes); err != nil || len(nodes.Items) == 0 {
			return false, err
		}
		patch := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"kept-for":"`+namespace+`"}}}`))
		return true, c.Patch(ctx, &nodes.Items[0], patch)
	})
}

// comes creates a pod in the namespace default.
func comes(t *testing.T, c client.Client, name, cpu string) *corev1.Pod {
	t.Helper()
	requests := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"},
		Spec: corev1.PodSpec{
			Containers:                   []corev1.Container{{Name: "c", Image: "none", Resources: corev1.ResourceRequirements{Requests: requests}}},
			AutomountServiceAccountToken: new(bool),
		},
	}
	eventually(t, "creating the pod", func(ctx context.Context) (bool, error) {
		err := c.Create(ctx, pod)
		if err != nil && strings.Contains(err.Error(), "serviceaccount") {
			return false, nil
		}
		return true, err
	})
	return pod
}

// refused waits until the pod is said to fit nowhere for that reason.
func refused(t *testing.T, c client.Client, pod *corev1.Pod, why string) {
	t.Helper()
	eventually(t, "the refusal "+why, func(ctx context.Context) (bool, error) {
		if err := c.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return false, err
		}
		if pod.Spec.NodeName != "" {
			t.Fatalf("bound to %s", pod.Spec.NodeName)
		}
		for _, condition := range pod.Status.Conditions {
			if condition.Type == corev1.PodScheduled {
				return strings.Contains(condition.Message, why), nil
			}
		}
		return false, nil
	})
}

func TestPluginOfOthersDecides(t *testing.T) {
	c := started(t)
	keep(t, c, "kube-public")
	pod := comes(t, c, "stranger", "100m")
	refused(t, c, pod, "1 node(s) were kept for another namespace")
	keep(t, c, "default")
	eventually(t, "the pod on the node that takes it now", func(ctx context.Context) (bool, error) {
		return pod.Spec.NodeName != "", c.Get(ctx, client.ObjectKeyFromObject(pod), pod)
	})
}

// The default plugins have their say beside one of others, under the same configuration.
func TestDefaultPluginsStayBesideOneOfOthers(t *testing.T) {
	c := started(t)
	keep(t, c, "default")
	refused(t, c, comes(t, c, "large", "1M"), "1 Insufficient cpu")
}

// A plugin cannot take the place of one that is there without anybody's noticing.
func TestPluginOfOthersNeedsANameOfItsOwn(t *testing.T) {
	options := cluster.ForTest(t.TempDir())
	options.SchedulerPlugins = plugins.Registry{"NodeName": newBerths}
	running, err := cluster.Start(t.Context(), options)
	if err == nil {
		err = running.Wait()
	}
	if err == nil || !strings.Contains(err.Error(), `"NodeName"`) {
		t.Fatalf("got %v, want an error that names the plugin", err)
	}
}
