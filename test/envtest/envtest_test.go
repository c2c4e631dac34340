package envtest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// assets are the programs; those of another implementation can be named to compare with.
func assets(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("COXSWAIN_TEST_ASSETS")
	if dir == "" {
		dir = filepath.Join("..", "..", "bin")
	}
	if _, err := os.Stat(filepath.Join(dir, "kube-apiserver")); err != nil {
		t.Skip("SKIPPED: there is no bin/kube-apiserver; `make build` makes it")
	}
	absolute, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// start starts an environment, which stops when the test ends.
func start(t *testing.T, env *envtest.Environment) client.Client {
	t.Helper()
	ctrl.SetLogger(logr.Discard())
	log.SetLogger(logr.Discard())
	env.BinaryAssetsDirectory = assets(t)
	began := time.Now()
	config, err := env.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("started in %s", time.Since(began).Round(time.Millisecond))
	t.Cleanup(func() {
		began := time.Now()
		if err := env.Stop(); err != nil {
			t.Error(err)
		}
		t.Logf("stopped in %s", time.Since(began).Round(time.Millisecond))
	})
	c, err := client.New(config, client.Options{Scheme: env.Scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// eventually waits until done says so.
func eventually(t *testing.T, what string, done func(ctx context.Context) (bool, error)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ok, err := done(ctx)
		if ok {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s does not happen: %v", what, err)
		case <-tick.C:
		}
	}
}

func TestUsersHaveTheRightsOfTheirGroups(t *testing.T) {
	env := &envtest.Environment{}
	c := start(t, env)
	user, err := env.AddUser(envtest.User{Name: "ann", Groups: []string{"crew"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	hers, err := client.New(user.Config(), client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := hers.List(t.Context(), &corev1.SecretList{}); !apierrors.IsForbidden(err) {
		t.Errorf("listing secrets without a role: %v, want Forbidden", err)
	}
	kubectl, err := user.Kubectl()
	if err != nil {
		t.Fatal(err)
	}
	_, problems, err := kubectl.Run("get", "secrets")
	if err == nil {
		t.Error("kubectl was let in")
	}
	if text, _ := readAll(problems); !contains(text, `User "ann" cannot list resource "secrets"`) {
		t.Errorf("kubectl says %q", text)
	}
	if err := c.Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}}); err != nil {
		t.Errorf("the administrator may not create: %v", err)
	}
}

func TestManyAtATime(t *testing.T) {
	const many = 4
	var all sync.WaitGroup
	began := time.Now()
	dir := assets(t)
	for i := range many {
		all.Go(func() {
			env := &envtest.Environment{BinaryAssetsDirectory: dir}
			config, err := env.Start()
			if err != nil {
				t.Error(err)
				return
			}
			defer func() {
				if err := env.Stop(); err != nil {
					t.Error(err)
				}
			}()
			c, err := client.New(config, client.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			own := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("own-%d", i)}}
			if err := c.Create(t.Context(), own); err != nil {
				t.Error(err)
			}
			list := &corev1.NamespaceList{}
			if err := c.List(t.Context(), list); err != nil || len(list.Items) != 5 {
				t.Errorf("%d namespaces, want the 4 of every cluster and one's own: %v", len(list.Items), err)
			}
		})
	}
	all.Wait()
	t.Logf("%d started and stopped in %s", many, time.Since(began).Round(time.Millisecond))
}

// With controllers, namespaces go away, owned objects are collected and Deployments make pods, which become ready on simulated nodes.
func TestControllersWhenAsked(t *testing.T) {
	env := &envtest.Environment{}
	env.ControlPlane.GetAPIServer().Configure().Append("controllers", "*").Append("simulate-nodes", "2")
	c := start(t, env)
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "boat"}}
	if err := c.Create(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{"app": "oar"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: "boat", Name: "oars"},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "oar", Image: "oar"}}},
			},
		},
	}
	*deployment.Spec.Replicas = 8
	if err := c.Create(t.Context(), deployment); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the Deployment's rollout", func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKeyFromObject(deployment), deployment)
		return deployment.Status.AvailableReplicas == 8, err
	})
	if err := c.Delete(t.Context(), deployment, client.PropagationPolicy(metav1.DeletePropagationForeground)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the collection of what the Deployment owns", func(ctx context.Context) (bool, error) {
		pods := &corev1.PodList{}
		err := c.List(ctx, pods, client.InNamespace("boat"))
		gone := apierrors.IsNotFound(c.Get(ctx, client.ObjectKeyFromObject(deployment), deployment))
		return gone && err == nil && len(pods.Items) == 0, err
	})
	if err := c.Delete(t.Context(), ns); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the end of the namespace", func(ctx context.Context) (bool, error) {
		err := c.Get(ctx, client.ObjectKeyFromObject(ns), ns)
		return apierrors.IsNotFound(err), err
	})
}
