package status

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	retryFirst = 200 * time.Millisecond
	retryMax   = 10 * time.Second
)

// Writer writes pods' statuses. Its exported fields are inputs.
type Writer struct {
	Client client.Client
	Clock  clock.Clock

	mu   sync.Mutex
	pods map[types.UID]*entry
	wg   sync.WaitGroup
}

// entry is one pod's status on its way out.
type entry struct {
	writing sync.Mutex // held while a patch is in flight
	pod     *corev1.Pod
	want    corev1.PodStatus
	dirty   bool
	busy    bool
	// written is what the API server last answered, ahead of the cache for a moment.
	written *corev1.Pod
}

// Set asks for a status to be written, and returns at once.
func (w *Writer) Set(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) {
	w.mu.Lock()
	defer w.mu.Unlock()
	e := w.entry(pod)
	e.want, e.dirty = status, true
	if e.busy {
		return
	}
	e.busy = true
	w.wg.Go(func() { w.drain(ctx, e) })
}

// Flush writes a status now and returns when that is done.
func (w *Writer) Flush(ctx context.Context, pod *corev1.Pod, status corev1.PodStatus) error {
	w.mu.Lock()
	e := w.entry(pod)
	e.want, e.dirty = status, true
	w.mu.Unlock()
	return w.write(ctx, e)
}

// Forget drops what is remembered of a pod.
func (w *Writer) Forget(uid types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.pods, uid)
}

// Wait returns when no write is in flight.
func (w *Writer) Wait() { w.wg.Wait() }

// entry returns the pod's entry with the newest object. The caller holds mu.
func (w *Writer) entry(pod *corev1.Pod) *entry {
	if w.pods == nil {
		w.pods = map[types.UID]*entry{}
	}
	e := w.pods[pod.UID]
	if e == nil {
		e = &entry{}
		w.pods[pod.UID] = e
	}
	e.pod = pod
	return e
}

// drain writes until nothing is left to write, waiting longer after each failure.
func (w *Writer) drain(ctx context.Context, e *entry) {
	delay := retryFirst
	for {
		if err := w.write(ctx, e); err != nil {
			if ctx.Err() != nil {
				return
			}
			log.FromContext(ctx).Error(err, "writing a pod's status failed", "pod", client.ObjectKeyFromObject(e.pod))
			select {
			case <-ctx.Done():
				return
			case <-w.Clock.After(delay):
			}
			delay = min(2*delay, retryMax)
			continue
		}
		w.mu.Lock()
		if !e.dirty {
			e.busy = false
			w.mu.Unlock()
			return
		}
		w.mu.Unlock()
	}
}

func (w *Writer) write(ctx context.Context, e *entry) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	w.mu.Lock()
	if !e.dirty {
		w.mu.Unlock()
		return nil
	}
	pod, want := e.pod, e.want
	e.dirty = false
	base := &pod.Status
	if e.written != nil {
		base = &e.written.Status
	}
	w.mu.Unlock()

	want = merge(base, want)
	if equality.Semantic.DeepEqual(*base, want) {
		return nil
	}
	answer, err := w.patch(ctx, pod, base, &want)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil // gone, or another pod of the same name
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		e.dirty = true
		return err
	}
	e.written = answer
	return nil
}

// merge keeps foreign conditions as they were, and the times of own conditions that say the same as before.
func merge(base *corev1.PodStatus, want corev1.PodStatus) corev1.PodStatus {
	var conditions []corev1.PodCondition
	for _, c := range want.Conditions {
		if !owned(c.Type) {
			continue
		}
		if i := slices.IndexFunc(base.Conditions, func(b corev1.PodCondition) bool { return b.Type == c.Type }); i >= 0 {
			old := base.Conditions[i]
			if old.Status == c.Status {
				c.LastTransitionTime = old.LastTransitionTime
			}
			c.LastProbeTime = old.LastProbeTime
		}
		conditions = append(conditions, c)
	}
	for _, c := range base.Conditions {
		if !owned(c.Type) {
			conditions = append(conditions, c)
		}
	}
	// The order of the list in the API is kept, so that equal lists compare equal.
	slices.SortStableFunc(conditions, func(a, b corev1.PodCondition) int { return position(base, a.Type) - position(base, b.Type) })
	want.Conditions = conditions
	return want
}

func position(s *corev1.PodStatus, t corev1.PodConditionType) int {
	if i := slices.IndexFunc(s.Conditions, func(c corev1.PodCondition) bool { return c.Type == t }); i >= 0 {
		return i
	}
	return len(s.Conditions)
}

// patch sends the difference. The UID in it makes the server refuse when the name belongs to another pod now.
func (w *Writer) patch(ctx context.Context, pod *corev1.Pod, from, to *corev1.PodStatus) (*corev1.Pod, error) {
	before, err := json.Marshal(corev1.Pod{Status: *from})
	if err != nil {
		return nil, fmt.Errorf("encoding the old status: %w", err)
	}
	after, err := json.Marshal(corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: pod.UID}, Status: *to})
	if err != nil {
		return nil, fmt.Errorf("encoding the new status: %w", err)
	}
	raw, err := strategicpatch.CreateTwoWayMergePatch(before, after, corev1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("comparing statuses: %w", err)
	}
	answer := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name}}
	if err := w.Client.Status().Patch(ctx, answer, client.RawPatch(types.StrategicMergePatchType, raw)); err != nil {
		return nil, fmt.Errorf("patching the status of pod %s/%s: %w", pod.Namespace, pod.Name, err)
	}
	return answer, nil
}
