package deletion

import (
	"context"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// Of is the deletion of objects of a kind.
type Of struct {
	At    *kinds.Endpoint
	Clock clock.PassiveClock
}

// Mark writes the deletion into the object, and returns true when nothing keeps it from going at once.
func (d Of) Mark(obj resource.Object, options *metav1.DeleteOptions) bool {
	d.setPropagation(obj, options)
	if d.markGraceful(obj, options) {
		return false
	}
	held := len(obj.GetFinalizers()) > 0 || (d.At.Hooks.Holds != nil && d.At.Hooks.Holds(obj))
	if obj.GetDeletionTimestamp() == nil && (held || d.At.Row.GracePeriod != nil) {
		now := metav1.NewTime(d.Clock.Now().Truncate(time.Second))
		obj.SetDeletionTimestamp(&now)
		if obj.GetGeneration() > 0 {
			obj.SetGeneration(obj.GetGeneration() + 1)
		}
	}
	if obj.GetDeletionTimestamp() != nil {
		obj.SetDeletionGracePeriodSeconds(ptr.To[int64](0))
	}
	if !held {
		return true
	}
	if d.At.Hooks.OnTerminate != nil {
		d.At.Hooks.OnTerminate(obj)
	}
	return false
}

// markGraceful starts or shortens a graceful deletion; it returns false when the object wants none (any more).
func (d Of) markGraceful(obj resource.Object, options *metav1.DeleteOptions) bool {
	if d.At.Row.GracePeriod == nil {
		return false
	}
	seconds, graceful := d.At.Row.GracePeriod(obj, options)
	if !graceful {
		return false
	}
	if deleted := obj.GetDeletionTimestamp(); deleted != nil {
		return d.shorten(obj, options, deleted.Time)
	}
	if seconds <= 0 {
		return false
	}
	at := metav1.NewTime(d.Clock.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second))
	obj.SetDeletionTimestamp(&at)
	obj.SetDeletionGracePeriodSeconds(&seconds)
	if obj.GetGeneration() > 0 {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
	return true
}

// shorten is a second deletion of an object that is on its way: it can only make the way shorter.
func (d Of) shorten(obj resource.Object, options *metav1.DeleteOptions, deleted time.Time) bool {
	was := ptr.Deref(obj.GetDeletionGracePeriodSeconds(), 0)
	if was == 0 {
		return false
	}
	if options.GracePeriodSeconds == nil || *options.GracePeriodSeconds >= was {
		return true
	}
	seconds := max(*options.GracePeriodSeconds, 0)
	at := metav1.NewTime(deleted.Add(time.Duration(seconds-was) * time.Second))
	obj.SetDeletionTimestamp(&at)
	obj.SetDeletionGracePeriodSeconds(&seconds)
	return seconds > 0
}

// setPropagation turns the propagation policy into the finalizers that the garbage collector works off.
func (d Of) setPropagation(obj resource.Object, options *metav1.DeleteOptions) {
	if d.At.Row.NoPropagation {
		return
	}
	orphan, foreground := d.propagation(obj, options)
	kept := slices.DeleteFunc(slices.Clone(obj.GetFinalizers()), func(name string) bool {
		return name == metav1.FinalizerOrphanDependents || name == metav1.FinalizerDeleteDependents
	})
	if orphan {
		kept = append(kept, metav1.FinalizerOrphanDependents)
	}
	if foreground {
		kept = append(kept, metav1.FinalizerDeleteDependents)
	}
	if len(kept) == 0 {
		kept = nil
	}
	if !slices.Equal(kept, obj.GetFinalizers()) {
		obj.SetFinalizers(kept)
	}
}

// propagation: what the client says goes; else the finalizers that the object has; else the row.
func (d Of) propagation(obj resource.Object, options *metav1.DeleteOptions) (orphan, foreground bool) {
	switch {
	case options.OrphanDependents != nil:
		return *options.OrphanDependents, false
	case options.PropagationPolicy != nil:
		return *options.PropagationPolicy == metav1.DeletePropagationOrphan, *options.PropagationPolicy == metav1.DeletePropagationForeground
	}
	orphan = slices.Contains(obj.GetFinalizers(), metav1.FinalizerOrphanDependents)
	foreground = slices.Contains(obj.GetFinalizers(), metav1.FinalizerDeleteDependents)
	return orphan || !foreground && d.At.Row.OrphanByDefault, foreground
}

// Warn says what becomes of dependents where the client does not, whether or not there is anything to delete.
func (d Of) Warn(ctx context.Context, options *metav1.DeleteOptions) {
	if text := d.At.Row.OrphanWarning; text != "" && options.OrphanDependents == nil && options.PropagationPolicy == nil {
		warning.Add(ctx, text)
	}
}

// MayGo says whether a change let go of the last that held an object whose deletion had begun.
func (d Of) MayGo(obj, old resource.Object) bool {
	if old.GetDeletionTimestamp() == nil || obj.GetDeletionTimestamp() == nil || len(obj.GetFinalizers()) > 0 {
		return false
	}
	if ptr.Deref(obj.GetDeletionGracePeriodSeconds(), 0) != 0 {
		return false
	}
	return d.At.Hooks.Holds == nil || !d.At.Hooks.Holds(obj)
}
