package typecheck

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Controller writes the status of each generation of a policy.
type Controller struct {
	Checker Checker
	Lister  auth.Lister
	// Follow tells of every policy, and of each change to one, until ctx ends.
	Follow func(ctx context.Context, of schema.GroupResource, deliver func(obj resource.Object, deleted bool)) error
	Writer func() (client.Client, error)
}

const (
	retryFirst = 100 * time.Millisecond
	retryMost  = time.Minute
)

func policies() schema.GroupResource {
	return schema.GroupResource{Group: admissionregistrationv1.GroupName, Resource: "validatingadmissionpolicies"}
}

// Run checks policies until ctx ends.
func (c *Controller) Run(ctx context.Context) error {
	queue := workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](retryFirst, retryMost))
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.work(ctx, queue)
	}()
	err := c.Follow(ctx, policies(), func(obj resource.Object, deleted bool) {
		p, ok := obj.(*admissionregistrationv1.ValidatingAdmissionPolicy)
		if ok && !deleted && p.Status.ObservedGeneration < p.Generation {
			queue.Add(p.Name)
		}
	})
	queue.ShutDown()
	<-done
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func (c *Controller) work(ctx context.Context, queue workqueue.TypedRateLimitingInterface[string]) {
	for {
		name, ended := queue.Get()
		if ended {
			return
		}
		err := c.sync(ctx, name)
		queue.Done(name)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			logr.FromContextOrDiscard(ctx).Error(err, "checking the types of a policy failed, trying again", "policy", name)
			queue.AddRateLimited(name)
		default:
			queue.Forget(name)
		}
	}
}

func (c *Controller) sync(ctx context.Context, name string) error {
	stored, found := auth.Get[*admissionregistrationv1.ValidatingAdmissionPolicy](c.Lister, policies(), "", name)
	if !found || stored.Status.ObservedGeneration >= stored.Generation {
		return nil
	}
	changed := stored.DeepCopy()
	changed.Status.TypeChecking = &admissionregistrationv1.TypeChecking{ExpressionWarnings: c.Checker.Check(changed)}
	changed.Status.ObservedGeneration = changed.Generation
	writer, err := c.Writer()
	if err != nil {
		return err
	}
	if err := writer.Status().Update(ctx, changed); err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("writing the status of policy %s: %w", name, err)
	}
	return nil
}
