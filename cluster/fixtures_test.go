package cluster

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
)

// alone are the options of an API server that nothing runs beside, on what is below dir: as a user's, but for a port of its own.
func alone(dir string) Options {
	o := Default()
	o.DataDir, o.Disable, o.BindAddress, o.HTTPSListenPort = dir, []string{Agent, Controllers, Scheduler}, "127.0.0.1", 0
	return o
}

// started runs a cluster until the test ends, if it is not stopped before, and returns a client of its administrator.
func started(t testing.TB, o Options) (*Cluster, client.WithWatch) {
	t.Helper()
	running, err := Start(context.WithoutCancel(t.Context()), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	c, err := client.NewWithWatch(running.Config, client.Options{Scheme: apis.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	return running, c
}

// eventually tries until it works, for a minute. A cluster is looked at from outside, as its users do, who are told of objects but not of
// what a request will be answered with.
func eventually(t testing.TB, what string, try func() error) {
	t.Helper()
	again := time.NewTicker(5 * time.Millisecond)
	defer again.Stop()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-again.C {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// await is eventually for what is true or not.
func await(t testing.TB, what string, is func() bool) {
	t.Helper()
	eventually(t, what, func() error {
		if is() {
			return nil
		}
		return errors.New("it does not happen")
	})
}

// awaitObject reads an object until it is as wanted; is hears how reading it went.
func awaitObject(t testing.TB, c client.Client, object client.Object, what string, is func(error) bool) {
	t.Helper()
	eventually(t, what, func() error {
		err := c.Get(t.Context(), client.ObjectKeyFromObject(object), object)
		if is(err) {
			return nil
		}
		return fmt.Errorf("%w, %v", err, object)
	})
}

// until follows objects of a kind until as many of them are as they should be.
func until[T client.Object](t testing.TB, c client.WithWatch, kind client.ObjectList, count int, good func(T) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	changes, err := c.Watch(ctx, kind)
	if err != nil {
		t.Fatal(err)
	}
	defer changes.Stop()
	settled := map[client.ObjectKey]bool{}
	for change := range changes.ResultChan() {
		object, ok := change.Object.(T)
		if !ok {
			t.Fatalf("watching: %v", change.Object)
		}
		key := client.ObjectKeyFromObject(object)
		if delete(settled, key); change.Type != watch.Deleted && good(object) {
			settled[key] = true
		}
		if len(settled) == count {
			return
		}
	}
	t.Fatalf("%d of %d have settled", len(settled), count)
}

// takesPods returns when pods can be created in the namespace default: when it has its service account.
func takesPods(t testing.TB, c client.WithWatch) {
	t.Helper()
	until(t, c, &corev1.ServiceAccountList{}, 1, func(account *corev1.ServiceAccount) bool {
		return account.Namespace == "default" && account.Name == "default"
	})
}
