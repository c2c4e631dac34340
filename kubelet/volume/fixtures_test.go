package volume

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// needRoot skips the test unless it may mount file systems.
func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: mounts file systems and changes owners")
	}
}

// world is a manager on a temporary folder, a client that holds objects, and what the manager asked for.
type world struct {
	*Manager
	t      *testing.T
	client client.WithWatch
	clock  *clocktesting.FakeClock

	mu        sync.Mutex
	tokens    int
	refreshes chan types.UID
}

func newWorld(t *testing.T, objects ...client.Object) *world {
	t.Helper()
	w := &world{t: t, refreshes: make(chan types.UID, 100), clock: clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))}
	w.client = plainWatch{fake.NewClientBuilder().WithObjects(objects...).
		WithIndex(&corev1.ConfigMap{}, "metadata.name", byName).WithIndex(&corev1.Secret{}, "metadata.name", byName).
		WithInterceptorFuncs(interceptor.Funcs{SubResourceCreate: w.requestToken}).Build()}
	w.Manager = &Manager{
		Client: w.client, Objects: &WatchSource{Client: w.client}, RootDir: t.TempDir(), NodeName: "node", Clock: w.clock,
		NeedsRefresh: func(uid types.UID) { w.refreshes <- uid },
	}
	t.Cleanup(func() {
		w.Close()
		if watches := len(w.Objects.(*WatchSource).watches); watches != 0 {
			t.Errorf("%d watches are still open", watches)
		}
		if err := w.Orphans(nil); err != nil {
			t.Errorf("cleaning up: %v", err)
		}
	})
	return w
}

// plainWatch tells informers that the fake client's watches do not begin with the objects that exist.
type plainWatch struct{ client.WithWatch }

func (plainWatch) IsWatchListSemanticsUnSupported() bool { return true }

// Watch begins with what there is: the fake client's own watches say nothing of what came between an informer's list and them.
func (p plainWatch) Watch(ctx context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	following, err := p.WithWatch.Watch(ctx, list, options...)
	if err != nil {
		return nil, err
	}
	there := list.DeepCopyObject().(client.ObjectList)
	err = p.List(ctx, there, options...)
	items, malformed := meta.ExtractList(there)
	if err := errors.Join(err, malformed); err != nil {
		following.Stop()
		return nil, err
	}
	events := make(chan watch.Event)
	both := watch.NewProxyWatcher(events)
	send := func(event watch.Event) bool {
		select {
		case events <- event:
			return true
		case <-both.StopChan():
			return false
		}
	}
	go func() {
		defer close(events)
		defer following.Stop()
		for _, item := range items {
			if !send(watch.Event{Type: watch.Added, Object: item}) {
				return
			}
		}
		for {
			select {
			case event, ok := <-following.ResultChan():
				if !ok || !send(event) {
					return
				}
			case <-both.StopChan():
				return
			}
		}
	}()
	return both, nil
}

func byName(object client.Object) []string { return []string{object.GetName()} }

func (w *world) requestToken(ctx context.Context, _ client.Client, name string, object, sub client.Object, _ ...client.SubResourceCreateOption) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tokens++
	request := sub.(*authenticationv1.TokenRequest)
	request.Status.Token = string(rune('a'+w.tokens-1)) + " token of " + object.GetName() + " for " + string(request.Spec.BoundObjectRef.UID)
	request.Status.ExpirationTimestamp = metav1.NewTime(w.clock.Now().Add(time.Duration(*request.Spec.ExpirationSeconds) * time.Second))
	return nil
}

func (w *world) setup(pod *corev1.Pod) map[string]Mount {
	w.t.Helper()
	mounts, err := w.Setup(context.Background(), pod)
	if err != nil {
		w.t.Fatalf("Setup: %v", err)
	}
	return mounts
}

// awaitRefresh waits until the manager says that the pod is due, then refreshes it until it looks right.
func (w *world) awaitRefresh(pod *corev1.Pod, right func() bool) {
	w.t.Helper()
	deadline := time.After(time.Minute)
	for !right() {
		select {
		case <-w.refreshes:
			if err := w.Refresh(context.Background(), pod); err != nil {
				w.t.Fatalf("Refresh: %v", err)
			}
		case <-deadline:
			w.t.Fatal("the change did not arrive")
		}
	}
}

// podWith is a pod whose only container mounts all the volumes at /<name>.
func podWith(volumes ...corev1.Volume) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "uid-1", Labels: map[string]string{"b": "2", "a": `1 "x"`}},
		Spec:       corev1.PodSpec{ServiceAccountName: "default", Volumes: volumes, Containers: []corev1.Container{{Name: "main"}}},
	}
	for _, volume := range volumes {
		pod.Spec.Containers[0].VolumeMounts = append(pod.Spec.Containers[0].VolumeMounts,
			corev1.VolumeMount{Name: volume.Name, MountPath: "/" + volume.Name})
	}
	return pod
}

func configMap(name string, data map[string]string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Data: data}
}

func configMapSource(volume, name string) corev1.Volume {
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
		LocalObjectReference: corev1.LocalObjectReference{Name: name}}}}
}

func emptyDirSource(volume string, source corev1.EmptyDirVolumeSource) corev1.Volume {
	return corev1.Volume{Name: volume, VolumeSource: corev1.VolumeSource{EmptyDir: &source}}
}

func read(t *testing.T, elements ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func mode(t *testing.T, elements ...string) os.FileMode {
	t.Helper()
	info, err := os.Stat(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return info.Mode()
}

func ptr[T any](value T) *T { return &value }
