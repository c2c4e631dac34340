package resourcequota

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "resourcequota"

// Controller reconciles resource quotas.
type Controller struct {
	Client client.Client
	// Live counts the kinds that have no type here: one that is not served any more must not be waited for in a cache.
	Live  client.Reader
	Cache cache.Cache
	Clock clock.PassiveClock

	controller controller.Controller
	mu         sync.Mutex
	watched    map[string]cache.Informer // by kind: who tells of its objects
	defined    map[string]time.Time      // by kind: when its definition changed last
}

// Reconcile counts what is used of each resource that the quota names.
func (c *Controller) Reconcile(ctx context.Context, quota *corev1.ResourceQuota) (reconcile.Result, error) {
	kinds := map[string]bool{}
	for name := range quota.Spec.Hard {
		kinds[kindOfName(name)] = true
	}
	sum := corev1.ResourceList{}
	again := resync
	for kind := range kinds {
		counts, err := c.count(ctx, quota, kind, sum)
		if err != nil {
			return reconcile.Result{}, err
		}
		if kinds[kind] = counts; !counts {
			again = kit.Sooner(again, c.expected(kind))
		}
	}
	used := corev1.ResourceList{}
	for name := range quota.Spec.Hard {
		_, told := quota.Status.Used[name]
		switch amount, ok := sum[name]; {
		case ok:
			used[name] = amount
		case told || kinds[kindOfName(name)]: // also of a kind that was served: what was used is gone with it
			used[name] = *resource.NewQuantity(0, resource.DecimalSI)
		}
	}
	_, err := patch.Status(ctx, c.Client, quota, func(changed *corev1.ResourceQuota) {
		changed.Status.Hard = changed.Spec.Hard.DeepCopy()
		if !equality.Semantic.DeepEqual(changed.Status.Used, used) {
			changed.Status.Used = used
		}
	})
	return patch.Result(kit.After(again), err)
}

// resync is when a quota is counted anew though nothing was given back: admission charges what is then not created. It is
// upstream's default.
const resync = 5 * time.Minute

// count adds the use of all objects of a kind to sum, and makes sure that their changes
// wake the quota. It says whether such objects can be counted: those of a kind that is served, and in namespaces.
func (c *Controller) count(ctx context.Context, quota *corev1.ResourceQuota, kind string, sum corev1.ResourceList) (bool, error) {
	mapping, err := c.mapping(kind)
	if meta.IsNoMatchError(err) || err == nil && mapping.Scope.Name() != meta.RESTScopeNameNamespace {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("looking up %s: %w", kind, err)
	}
	of, typed := example(kind)
	if !typed {
		return c.countObjects(ctx, quota.Namespace, kind, mapping, sum)
	}
	if err := c.watch(ctx, kind, of); err != nil {
		return false, err
	}
	if err := c.addUsage(ctx, quota, kind, sum); err != nil {
		return false, fmt.Errorf("listing %s: %w", kind, err)
	}
	return true, nil
}

// addUsage adds what the objects of a kind with a type use.
func (c *Controller) addUsage(ctx context.Context, quota *corev1.ResourceQuota, kind string, sum corev1.ResourceList) error {
	list := func(into client.ObjectList) error {
		return c.Client.List(ctx, into, client.InNamespace(quota.Namespace), client.UnsafeDisableDeepCopy)
	}
	switch kind {
	case "pods":
		var pods corev1.PodList
		if err := list(&pods); err != nil {
			return err
		}
		for i := range pods.Items {
			if inScope(&quota.Spec, &pods.Items[i]) {
				merge(sum, podUsage(&pods.Items[i], c.Clock.Now()))
			}
		}
	case "services":
		var services corev1.ServiceList
		if err := list(&services); err != nil {
			return err
		}
		for i := range services.Items {
			merge(sum, serviceUsage(&services.Items[i]))
		}
		sum["count/services"] = many(len(services.Items))
	case "persistentvolumeclaims":
		var claims corev1.PersistentVolumeClaimList
		if err := list(&claims); err != nil {
			return err
		}
		for i := range claims.Items {
			merge(sum, claimUsage(&claims.Items[i]))
		}
		sum["count/persistentvolumeclaims"] = many(len(claims.Items))
	}
	return nil
}

// countObjects adds how many objects there are, by their metadata. A kind whose definition is gone has none; the garbage collector ends its
// informer then, and it is watched anew when it is back.
func (c *Controller) countObjects(ctx context.Context, namespace, kind string, mapping *meta.RESTMapping, sum corev1.ResourceList) (bool, error) {
	n, err := c.objects(ctx, namespace, mapping)
	if apierrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		err = nil
	} else if err == nil && !c.watches(kind) {
		of := &metav1.PartialObjectMetadata{}
		of.SetGroupVersionKind(mapping.GroupVersionKind)
		if err := c.watch(ctx, kind, of); err != nil {
			return false, err
		}
		n, err = c.objects(ctx, namespace, mapping) // what went before it was watched
	}
	if err != nil {
		return false, fmt.Errorf("listing %s: %w", kind, err)
	}
	sum[corev1.ResourceName("count/"+kind)], sum[corev1.ResourceName(kind)] = many(n), many(n)
	return true, nil
}

// objects is how many there are of a kind.
func (c *Controller) objects(ctx context.Context, namespace string, mapping *meta.RESTMapping) (int, error) {
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(mapping.GroupVersionKind.GroupVersion().WithKind(mapping.GroupVersionKind.Kind + "List"))
	err := c.Live.List(ctx, list, client.InNamespace(namespace))
	return len(list.Items), err
}

func (c *Controller) mapping(kind string) (*meta.RESTMapping, error) {
	mapper := c.Client.RESTMapper()
	gvk, err := mapper.KindFor(schema.ParseGroupResource(kind).WithVersion(""))
	if err != nil {
		return nil, err
	}
	return mapper.RESTMapping(gvk.GroupKind(), gvk.Version)
}

// watch wakes the quotas of a namespace when objects of a kind go or change what they use.
func (c *Controller) watch(ctx context.Context, kind string, of client.Object) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if told := c.watched[kind]; told != nil && !told.IsStopped() {
		return nil
	}
	informer, err := c.Cache.GetInformer(ctx, of, cache.BlockUntilSynced(false))
	if err != nil {
		return fmt.Errorf("watching %s: %w", kind, err)
	}
	// What is created, admission has charged before it was: a count now might miss what is charged and not stored yet.
	counts := predicate.Funcs{CreateFunc: func(event.CreateEvent) bool { return false }, UpdateFunc: func(e event.UpdateEvent) bool { return c.changed(e.ObjectOld, e.ObjectNew) }}
	source := &source.Informer{Informer: informer, Handler: handler.EnqueueRequestsFromMapFunc(c.quotas), Predicates: []predicate.Predicate{counts}}
	if err := c.controller.Watch(source); err != nil {
		return fmt.Errorf("watching %s: %w", kind, err)
	}
	c.watched[kind] = informer
	return nil
}

// watches says whether it is heard of objects of a kind.
func (c *Controller) watches(kind string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.watched[kind]
	return told != nil && !told.IsStopped()
}

// changed says whether an update changes what an object uses.
func (c *Controller) changed(before, after client.Object) bool {
	now := c.Clock.Now()
	switch was := before.(type) {
	case *corev1.Pod:
		return !equality.Semantic.DeepEqual(podUsage(was, now), podUsage(after.(*corev1.Pod), now))
	case *corev1.Service:
		return !equality.Semantic.DeepEqual(serviceUsage(was), serviceUsage(after.(*corev1.Service)))
	case *corev1.PersistentVolumeClaim:
		return !equality.Semantic.DeepEqual(claimUsage(was), claimUsage(after.(*corev1.PersistentVolumeClaim)))
	}
	return false
}

func (c *Controller) quotas(ctx context.Context, obj client.Object) []reconcile.Request {
	var list corev1.ResourceQuotaList
	if err := c.Client.List(ctx, &list, client.InNamespace(obj.GetNamespace()), client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}

// redefined notes that a kind may be served from now on, or no longer, and wakes the quotas that name it: a definition is called as they
// call its objects.
func (c *Controller) redefined(ctx context.Context, obj client.Object) []reconcile.Request {
	kind := obj.GetName()
	c.mu.Lock()
	if c.defined[kind] = c.Clock.Now(); obj.GetDeletionTimestamp() != nil {
		delete(c.defined, kind)
	}
	c.mu.Unlock()
	var list corev1.ResourceQuotaList
	if err := c.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range list.Items {
		if _, names := list.Items[i].Spec.Hard[corev1.ResourceName("count/"+kind)]; names {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

// What is defined is served a little later where the API server is another program: it is looked for again, ever later, for as long.
const servedAtFirst, servedAtLast = 100 * time.Millisecond, time.Minute

// expected is when to look again for a kind that is not served; zero for one that nobody has just defined.
func (c *Controller) expected(kind string) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, defined := c.defined[kind]
	since := c.Clock.Since(at)
	if !defined || since > servedAtLast {
		return 0
	}
	return max(since, servedAtFirst)
}

// allowsOther leaves out what admission writes: it counts by itself.
var allowsOther = predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
	quota, ok := e.ObjectNew.(*corev1.ResourceQuota)
	return ok && !equality.Semantic.DeepEqual(quota.Spec.Hard, quota.Status.Hard)
}}

// Register puts the controller on mgr. It wakes when what a quota allows changes, when objects of a kind that some
// quota names give something back, and when such a kind is defined.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Cache: mgr.GetCache(), Clock: deps.Clock, watched: map[string]cache.Informer{}, defined: map[string]time.Time{}}
	definition := &metav1.PartialObjectMetadata{}
	definition.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	built, err := kit.New(mgr, Name).
		For(&corev1.ResourceQuota{}, builder.WithPredicates(allowsOther)).
		Watches(definition, handler.EnqueueRequestsFromMapFunc(c.redefined)).
		Build(reconcile.AsReconciler(c.Client, c))
	c.controller = built
	return err
}
