package aggregation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/go-logr/logr"
	discoveryv1 "k8s.io/api/discovery/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/util/workqueue"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// How long after a check another is due: sooner while the server behind an APIService is not there.
const (
	recheck    = 30 * time.Second
	retryFirst = time.Second
	retryMost  = 15 * time.Second
)

// task is a name of an APIService that is to be looked at, or of a custom group version that may need one.
type task struct {
	name   string
	custom schema.GroupVersion
}

type queue = workqueue.TypedRateLimitingInterface[task]

func apiServices() schema.GroupResource {
	return schema.GroupResource{Group: apiregistrationv1.GroupName, Resource: "apiservices"}
}

func definitions() schema.GroupResource {
	return schema.GroupResource{Group: apiextensionsv1.GroupName, Resource: "customresourcedefinitions"}
}

// Run follows what it depends on until ctx ends.
func (a *Aggregator) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	a.queue = workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[task](retryFirst, retryMost))
	var running sync.WaitGroup
	for of, deliver := range map[schema.GroupResource]func(resource.Object, bool){
		apiServices():          a.serviceChanged,
		definitions():          a.definitionChanged,
		{Resource: "services"}: func(obj resource.Object, _ bool) { a.behindChanged(obj.GetNamespace(), obj.GetName()) },
		{Group: discoveryv1.GroupName, Resource: "endpointslices"}: func(obj resource.Object, _ bool) {
			a.behindChanged(obj.GetNamespace(), obj.GetLabels()[discoveryv1.LabelServiceName])
		},
	} {
		running.Go(func() {
			if err := a.Follow(ctx, of, deliver); err != nil && ctx.Err() == nil {
				stop(fmt.Errorf("following %s: %w", of, err))
			}
		})
	}
	running.Go(func() { a.work(ctx) })
	<-ctx.Done()
	a.queue.ShutDown()
	running.Wait()
	for _, r := range a.all() {
		if r.transport != nil {
			r.transport.CloseIdleConnections()
		}
	}
	if err := context.Cause(ctx); err != context.Canceled {
		return err
	}
	return nil
}

func (a *Aggregator) serviceChanged(obj resource.Object, deleted bool) {
	s, ok := obj.(*apiregistrationv1.APIService)
	if !ok {
		return
	}
	gv := schema.GroupVersion{Group: s.Spec.Group, Version: s.Spec.Version}
	if deleted {
		a.set(gv, nil)
		a.queue.Add(task{custom: gv})
		return
	}
	a.set(gv, s)
	if s.Spec.Service != nil {
		a.queue.Add(task{name: s.Name})
	}
}

// behindChanged looks again at the APIServices of a Service.
func (a *Aggregator) behindChanged(namespace, name string) {
	for _, r := range a.all() {
		if r.spec.Service.Namespace == namespace && r.spec.Service.Name == name {
			a.queue.Add(task{name: r.name})
		}
	}
}

func (a *Aggregator) definitionChanged(obj resource.Object, _ bool) {
	d, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
	if !ok {
		return
	}
	for i := range d.Spec.Versions {
		a.queue.Add(task{custom: schema.GroupVersion{Group: d.Spec.Group, Version: d.Spec.Versions[i].Name}})
	}
}

// work takes the tasks one after the other.
func (a *Aggregator) work(ctx context.Context) {
	log := logr.FromContextOrDiscard(ctx).WithName("aggregation")
	for {
		next, done := a.queue.Get()
		if done {
			return
		}
		var good bool
		var err error
		if next.name == "" {
			good, err = true, a.syncCustom(ctx, next.custom)
		} else {
			good, err = a.syncAvailable(ctx, next.name)
		}
		a.queue.Done(next)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			log.Error(err, "looking after an APIService failed, trying again", "name", next.name, "groupVersion", next.custom.String())
			a.queue.AddRateLimited(next)
		case !good:
			a.queue.AddRateLimited(next)
		default:
			a.queue.Forget(next)
			if next.name != "" && a.isRemote(next.name) {
				a.queue.AddAfter(next, recheck)
			}
		}
	}
}

func (a *Aggregator) isRemote(name string) bool { return a.byName(name) != nil }

func (a *Aggregator) byName(name string) *remote {
	for _, r := range a.all() {
		if r.name == name {
			return r
		}
	}
	return nil
}
