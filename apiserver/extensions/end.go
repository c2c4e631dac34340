package extensions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// end begins to delete the objects of a definition that is being deleted, unless that has begun.
func (e *Extensions) end(ctx context.Context, s *state) {
	crd := s.latest
	if crd.DeletionTimestamp == nil || s.ending != nil || !slices.Contains(crd.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer) {
		return
	}
	ctx, s.ending = context.WithCancel(ctx)
	served := s.served
	e.ends.Go(func() { e.cleanUpAgain(ctx, crd, served) })
}

// How long to wait after a failure, and at most after many.
const (
	retryFirst = 100 * time.Millisecond
	retryMost  = time.Minute
)

// cleanUpAgain cleans up until that succeeds or ctx ends. Where only another definition can help, it leaves that to the next one.
func (e *Extensions) cleanUpAgain(ctx context.Context, crd, served *apiextensionsv1.CustomResourceDefinition) {
	for wait := retryFirst; ; wait = min(2*wait, retryMost) {
		err := e.cleanUp(ctx, crd, served)
		if err == nil || ctx.Err() != nil {
			return
		}
		logr.FromContextOrDiscard(ctx).Error(err, "Objects of a definition that is being deleted cannot be deleted", "definition", crd.Name)
		if errors.Is(err, errHeld) {
			return
		}
		timer := e.Clock.NewTimer(wait)
		select {
		case <-timer.C():
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// cleanUp deletes all objects, waits until they are gone, and lets the definition go.
func (e *Extensions) cleanUp(ctx context.Context, crd, served *apiextensionsv1.CustomResourceDefinition) error {
	if served == nil && !isTrue(crd, apiextensionsv1.Established) {
		return e.release(ctx, crd, condition(apiextensionsv1.Terminating, false, "NeverEstablished", "resource was never established"))
	}
	if err := e.change(ctx, crd, func(crd *apiextensionsv1.CustomResourceDefinition) {
		set(crd, condition(apiextensionsv1.Terminating, true, "InstanceDeletionInProgress", "CustomResource deletion is in progress"), e.Clock.Now())
	}); err != nil {
		return client.IgnoreNotFound(err)
	}
	remove := func() error { return e.deleteObjects(ctx, served) }
	if served == nil {
		remove = func() error { return e.deleteUnserved(ctx, crd) }
	}
	if err := remove(); err != nil {
		failed := e.change(ctx, crd, func(crd *apiextensionsv1.CustomResourceDefinition) {
			set(crd, condition(apiextensionsv1.Terminating, true, "InstanceDeletionFailed", fmt.Sprintf("could not issue all deletes: %v", err)), e.Clock.Now())
		})
		if client.IgnoreNotFound(failed) != nil {
			return failed
		}
		return err
	}
	return e.release(ctx, crd, condition(apiextensionsv1.Terminating, false, "InstanceDeletionCompleted", "removed all instances"))
}

// release takes the finalizer away.
func (e *Extensions) release(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition, last apiextensionsv1.CustomResourceDefinitionCondition) error {
	return client.IgnoreNotFound(e.change(ctx, crd, func(crd *apiextensionsv1.CustomResourceDefinition) {
		set(crd, last, e.Clock.Now())
		crd.Finalizers = slices.DeleteFunc(crd.Finalizers, func(name string) bool { return name == apiextensionsv1.CustomResourceCleanupFinalizer })
	}))
}

// change writes a definition's status and finalizers, again as long as others write in between.
func (e *Extensions) change(ctx context.Context, of *apiextensionsv1.CustomResourceDefinition, apply func(*apiextensionsv1.CustomResourceDefinition)) error {
	for {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := e.Client.Get(ctx, client.ObjectKeyFromObject(of), crd); err != nil {
			return err
		}
		if crd.UID != of.UID {
			return apierrors.NewNotFound(apiextensionsv1.Resource("customresourcedefinitions"), of.Name)
		}
		apply(crd)
		if err := e.Client.Status().Update(ctx, crd); !apierrors.IsConflict(err) {
			return err
		}
	}
}

// deleteObjects deletes the objects of a definition and returns when there are none any more.
func (e *Extensions) deleteObjects(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	prefix := prefixOf(crd)
	held, found := e.Cache.Resource(prefix)
	if !found {
		return nil
	}
	if err := held.WaitReady(ctx); err != nil {
		return err
	}
	watcher, err := held.Watch(ctx, cache.WatchOptions{Initial: true, InitialBookmark: true})
	if err != nil {
		return err
	}
	defer watcher.Stop()
	left := sets.New[string]()
	asked := false
	for {
		events, err := watcher.Next(ctx)
		if err != nil {
			return err
		}
		for i := range events {
			switch event := &events[i]; event.Type {
			case watch.Bookmark:
				if err := e.deleteAll(ctx, crd, left); err != nil {
					return err
				}
				asked = true
			case watch.Deleted:
				left.Delete(event.Entry.Key[len(prefix):])
			default:
				left.Insert(event.Entry.Key[len(prefix):])
			}
		}
		if asked && left.Len() == 0 {
			return nil
		}
	}
}
