package persistentvolume

import (
	"context"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// watching tells when a watch has begun, and when it has ended.
type watching struct {
	client.WithWatch
	begun, ended chan struct{}
}

func (w *watching) Watch(ctx context.Context, list client.ObjectList, options ...client.ListOption) (watch.Interface, error) {
	said, err := w.WithWatch.Watch(ctx, list, options...)
	context.AfterFunc(ctx, func() { w.ended <- struct{}{} })
	w.begun <- struct{}{}
	return said, err
}

func newWatching(f *fixture) *watching {
	w := &watching{f.client.(client.WithWatch), make(chan struct{}, 10), make(chan struct{}, 10)}
	f.teller.recorder, f.teller.client = f.recorder, func() (client.WithWatch, error) { return w, nil }
	return w
}

func await(t *testing.T, what string, happens <-chan struct{}) {
	t.Helper()
	select {
	case <-happens:
	case <-time.After(time.Minute):
		t.Fatal(what)
	}
}

// What is said of a pod that empties a volume is said of the volume, at each try; that it failed is said once.
func TestWhatIsSaidOfRecyclers(t *testing.T) {
	f := newFixture(t, released("1Gi"))
	w := newWatching(f)
	for _, try := range []struct {
		name string
		want []string
	}{
		{"first", []string{"Warning RecyclerPod Recycler pod: cannot mount", "Warning VolumeFailedRecycle Recycle failed: failed to recycle volume: disk on fire"}},
		{"second", []string{"Warning RecyclerPod Recycler pod: cannot mount"}},
	} {
		f.settles()
		await(t, "nobody listens", w.begun)
		e := &corev1.Event{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: try.name}, Type: corev1.EventTypeWarning, Message: "cannot mount"}
		if err := f.client.Create(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		got := []string{<-f.recorder.Events}
		pod := &corev1.Pod{}
		if err := f.client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "recycler-for-v"}, pod); err != nil {
			t.Fatal(err)
		}
		pod.Status = corev1.PodStatus{Phase: corev1.PodFailed, Message: "disk on fire"}
		if err := f.client.Status().Update(t.Context(), pod); err != nil {
			t.Fatal(err)
		}
		if got = append(got, f.settles()...); !slices.Equal(got, try.want) {
			t.Errorf("the %s try says %q, want %q", try.name, got, try.want)
		}
		await(t, "it is listened on", w.ended)
		f.now.SetTime(f.now.Now().Add(time.Hour))
	}
}

// Nobody listens to the pod of a volume that is not to be emptied any more, or that is gone.
func TestNobodyListensInVain(t *testing.T) {
	for reason, ends := range map[string]func(*fixture, *corev1.PersistentVolume){
		"gone": func(f *fixture, v *corev1.PersistentVolume) { f.forget(v) },
		"kept as it is": func(_ *fixture, v *corev1.PersistentVolume) {
			v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
		},
		"free by hand": func(_ *fixture, v *corev1.PersistentVolume) { v.Spec.ClaimRef = nil },
	} {
		t.Run(reason, func(t *testing.T) {
			f := newFixture(t, released("1Gi"))
			w := newWatching(f)
			f.settles()
			await(t, "nobody listens", w.begun)
			v := &corev1.PersistentVolume{}
			if err := f.client.Get(t.Context(), client.ObjectKey{Name: "v"}, v); err != nil {
				t.Fatal(err)
			}
			ends(f, v)
			if err := f.client.Update(t.Context(), v); err != nil {
				t.Fatal(err)
			}
			if reason != "gone" {
				f.settles()
			}
			await(t, "it is listened on", w.ended)
		})
	}
}
