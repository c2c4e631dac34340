package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// delete removes an object, or marks it where something is to be done before it goes.
func (c *call) delete() error {
	options, err := c.deleteOptions()
	if err != nil {
		return err
	}
	obj, gone, err := c.deleteNamed(c.ctx(), c.info.Name, options)
	if err != nil {
		return err
	}
	code := http.StatusOK
	if !gone && options.OrphanDependents != nil && !*options.OrphanDependents {
		code = http.StatusAccepted
	}
	if !gone || c.at.hooks.returnsDeleted {
		return c.writeStored(code, obj)
	}
	return c.writeObject(code, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess,
		Details: &metav1.StatusDetails{Name: c.info.Name, Group: c.at.row.Group, Kind: c.at.row.Name, UID: obj.GetUID()},
	})
}

// deleteOptions come in the body, or in the query where there is no body.
func (c *call) deleteOptions() (*metav1.DeleteOptions, error) {
	options := &metav1.DeleteOptions{}
	body, err := c.readBody()
	if err != nil {
		return nil, err
	}
	if len(body) > 0 {
		if err := c.readDeleteOptions(body, options); err != nil {
			return nil, err
		}
	} else if err := c.query(func(query *url.Values) error {
		return metav1.Convert_url_Values_To_v1_DeleteOptions(query, options, nil)
	}); err != nil {
		return nil, err
	}
	options.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("DeleteOptions"))
	return options, invalidOptions("DeleteOptions", validation.ValidateDeleteOptions(options))
}

// readDeleteOptions takes them in whatever group version they say they are of.
func (c *call) readDeleteOptions(body []byte, options *metav1.DeleteOptions) error {
	media, err := c.media()
	if err != nil {
		return err
	}
	kind, err := codec.DecodePlain(body, media, options)
	if err != nil {
		return apierrors.NewBadRequest(err.Error())
	}
	if kind.Kind != "" && kind.Kind != "DeleteOptions" {
		return apierrors.NewBadRequest(fmt.Sprintf("no kind %q is registered for version %q in scheme %q", kind.Kind, kind.GroupVersion(), "pkg/runtime/scheme.go:111"))
	}
	return nil
}

// deleteNamed deletes one object. It returns the object as it is then, and whether it is gone.
func (c *call) deleteNamed(ctx context.Context, name string, options *metav1.DeleteOptions) (resource.Object, bool, error) {
	defer c.locks.lock(ctx, c.at.key(c.info.Namespace, name))()
	now, err := c.now(ctx, name)
	if err != nil {
		return nil, false, err
	}
	for attempt := 1; ; attempt++ {
		obj, gone, err := c.tryDelete(ctx, now, options)
		if !isLost(err) {
			if errors.Is(err, storage.ErrNotFound) {
				err = c.notFound(name)
			}
			return obj, gone, err
		}
		if attempt == maxConflicts {
			return nil, false, conflict(c.groupResource(), name, errModified)
		}
		if now, err = c.newer(ctx, name, err); err != nil {
			return nil, false, err
		}
	}
}

func (c *call) tryDelete(ctx context.Context, now current, options *metav1.DeleteOptions) (resource.Object, bool, error) {
	old := now.object
	if err := c.checkPreconditions(old, options.Preconditions); err != nil {
		return nil, false, err
	}
	dryRun := slices.Contains(options.DryRun, metav1.DryRunAll)
	attributes := c.attributes(admission.Delete, nil, old, writeOptions{dryRun: dryRun, all: options})
	if attributes.Name = old.GetName(); c.info.Verb == "deletecollection" {
		attributes.Name = "" // what is asked for has none
	}
	if err := c.Admission.Admit(ctx, attributes); err != nil {
		return nil, false, err
	}
	if err := c.Admission.Validate(ctx, attributes); err != nil {
		return nil, false, err
	}
	obj := old.DeepCopyObject().(resource.Object)
	if c.mark(obj, options) {
		if dryRun {
			return obj, true, nil
		}
		return obj, true, c.remove(ctx, now, obj)
	}
	obj, err := c.commitMarked(ctx, obj, now, dryRun)
	return obj, false, err
}

func (c *call) commitMarked(ctx context.Context, obj resource.Object, now current, dryRun bool) (resource.Object, error) {
	obj.SetResourceVersion("")
	value, err := c.at.encodeStored(ctx, obj)
	if err != nil {
		return nil, err
	}
	if dryRun || slices.Equal(value, now.raw) {
		obj.SetResourceVersion(now.object.GetResourceVersion())
		return obj, nil
	}
	revision, err := c.Store.Commit(ctx, storage.Op{Key: c.at.key(obj.GetNamespace(), obj.GetName()), Value: value, Expected: now.revision, TTL: c.at.row.TTL})
	if err != nil {
		return nil, err
	}
	return c.at.committed(ctx, obj, value, revision)
}

// remove takes the object out of the store, with whatever goes with it.
func (c *call) remove(ctx context.Context, now current, obj resource.Object) error {
	ops := []storage.Op{{Key: c.at.key(obj.GetNamespace(), obj.GetName()), Expected: now.revision}}
	if c.at.hooks.onDelete != nil {
		more, err := c.at.hooks.onDelete(ctx, obj)
		if err != nil {
			return err
		}
		ops = append(ops, more...)
	}
	revision, err := c.Store.Commit(ctx, ops...)
	if err != nil {
		return err
	}
	if revision > 0 {
		obj.SetResourceVersion(strconv.FormatInt(now.revision, 10))
	}
	return nil
}

func (c *call) checkPreconditions(obj resource.Object, p *metav1.Preconditions) error {
	if p == nil {
		return nil
	}
	of := schema.GroupResource{Group: c.at.row.Group, Resource: c.at.row.Kind}
	if p.UID != nil && *p.UID != obj.GetUID() {
		return conflict(of, obj.GetName(), fmt.Errorf("the UID in the precondition (%s) does not match the UID in record (%s). The object might have been deleted and then recreated", *p.UID, obj.GetUID()))
	}
	if p.ResourceVersion != nil && *p.ResourceVersion != obj.GetResourceVersion() {
		return conflict(of, obj.GetName(), fmt.Errorf("the ResourceVersion in the precondition (%s) does not match the ResourceVersion in record (%s). The object might have been modified", *p.ResourceVersion, obj.GetResourceVersion()))
	}
	return nil
}

// mark writes the deletion into the object, and returns true when nothing keeps it from going at once.
func (c *call) mark(obj resource.Object, options *metav1.DeleteOptions) bool {
	c.setPropagation(obj, options)
	graceful := c.markGraceful(obj, options)
	if graceful {
		return false
	}
	held := len(obj.GetFinalizers()) > 0 || (c.at.hooks.holds != nil && c.at.hooks.holds(obj))
	if obj.GetDeletionTimestamp() == nil && (held || c.at.row.GracePeriod != nil) {
		now := metav1.NewTime(c.Clock.Now().Truncate(time.Second))
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
	if c.at.hooks.onTerminate != nil {
		c.at.hooks.onTerminate(obj)
	}
	return false
}

// markGraceful starts or shortens a graceful deletion; it returns false when the object wants none (any more).
func (c *call) markGraceful(obj resource.Object, options *metav1.DeleteOptions) bool {
	if c.at.row.GracePeriod == nil {
		return false
	}
	seconds, graceful := c.at.row.GracePeriod(obj, options)
	if !graceful {
		return false
	}
	if deleted := obj.GetDeletionTimestamp(); deleted != nil {
		return c.shorten(obj, options, deleted.Time)
	}
	if seconds <= 0 {
		return false
	}
	at := metav1.NewTime(c.Clock.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second))
	obj.SetDeletionTimestamp(&at)
	obj.SetDeletionGracePeriodSeconds(&seconds)
	if obj.GetGeneration() > 0 {
		obj.SetGeneration(obj.GetGeneration() + 1)
	}
	return true
}

// shorten is a second deletion of an object that is on its way: it can only make the way shorter.
func (c *call) shorten(obj resource.Object, options *metav1.DeleteOptions, deleted time.Time) bool {
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
func (c *call) setPropagation(obj resource.Object, options *metav1.DeleteOptions) {
	orphan, foreground := c.propagation(obj, options)
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
func (c *call) propagation(obj resource.Object, options *metav1.DeleteOptions) (orphan, foreground bool) {
	switch {
	case options.OrphanDependents != nil:
		return *options.OrphanDependents, false
	case options.PropagationPolicy != nil:
		return *options.PropagationPolicy == metav1.DeletePropagationOrphan, *options.PropagationPolicy == metav1.DeletePropagationForeground
	}
	orphan = slices.Contains(obj.GetFinalizers(), metav1.FinalizerOrphanDependents)
	foreground = slices.Contains(obj.GetFinalizers(), metav1.FinalizerDeleteDependents)
	if !orphan && !foreground {
		orphan = c.at.row.OrphanByDefault
		if text := c.at.row.OrphanWarning; text != "" {
			warning.Add(c.ctx(), text)
		}
	}
	return orphan, foreground
}

// mayGo says whether a change let go of the last that held an object whose deletion had begun.
func (c *call) mayGo(obj, old resource.Object) bool {
	if old.GetDeletionTimestamp() == nil || obj.GetDeletionTimestamp() == nil || len(obj.GetFinalizers()) > 0 {
		return false
	}
	if ptr.Deref(obj.GetDeletionGracePeriodSeconds(), 0) != 0 {
		return false
	}
	return c.at.hooks.holds == nil || !c.at.hooks.holds(obj)
}
