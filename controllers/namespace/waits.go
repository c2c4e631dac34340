package namespace

import (
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pauses are what passes before each further look at a namespace that still holds what it did; the last repeats. Most of what has a
// finalizer loses it at once. What does not by the third look is held by somebody who takes their time.
var pauses = [...]time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second, 7 * time.Second, 10 * time.Second}

// waits remember what terminating namespaces held when they were last looked at. The zero value is ready.
type waits struct {
	mu  sync.Mutex
	all map[types.UID]wait
}

type wait struct {
	held  string
	looks int // that found the same
}

// next is how long to wait for what was found to go. Where some of it has gone since the last look, the rest may, too, and soon.
func (w *waits) next(ns types.UID, found *content) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = map[types.UID]wait{}
	}
	held, last := remainingResources(found)+"; "+remainingFinalizers(found), w.all[ns]
	if last.held != held {
		last = wait{held: held}
	}
	pause := pauses[min(last.looks, len(pauses)-1)]
	last.looks++
	w.all[ns] = last
	return pause
}

// forget drops what is remembered of a namespace that is gone.
func (w *waits) forget(ns types.UID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.all, ns)
}

// begins says whether there is something new to do for a namespace: the conditions that are written into its status are not.
func begins(before, after client.Object) bool {
	if after.GetDeletionTimestamp() == nil {
		return false
	}
	was, ok := before.(*corev1.Namespace)
	is, also := after.(*corev1.Namespace)
	return !ok || !also || was.UID != is.UID || was.DeletionTimestamp == nil || !slices.Equal(was.Spec.Finalizers, is.Spec.Finalizers)
}
