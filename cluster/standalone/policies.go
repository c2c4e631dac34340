package standalone

import (
	"context"
	"fmt"
	"strconv"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/typecheck"
	"github.com/coxswain-k8s/coxswain/cluster/foundation"
	"github.com/coxswain-k8s/coxswain/controllers"
)

// addPolicyStatus has what is suspicious in the expressions of ValidatingAdmissionPolicies written into their status.
func addPolicyStatus(mgr manager.Manager, deps *controllers.Deps) error {
	writer := mgr.GetClient()
	if deps.Access != nil {
		as, err := deps.Access("validatingadmissionpolicy-status-controller")
		if err != nil {
			return err
		}
		writer = as.Client
	}
	known := &followed{cache: mgr.GetCache(), kinds: map[schema.GroupResource]client.Object{
		{Group: admissionregistrationv1.GroupName, Resource: "validatingadmissionpolicies"}: &admissionregistrationv1.ValidatingAdmissionPolicy{},
		{Group: apiextensionsv1.GroupName, Resource: "customresourcedefinitions"}:           &apiextensionsv1.CustomResourceDefinition{},
	}}
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error {
		if err := known.read(ctx); err != nil {
			return err
		}
		checks := &typecheck.Controller{
			Lister: known, Follow: known.follow, Writer: func() (client.Client, error) { return writer, nil },
			Checker: typecheck.Checker{Types: &typecheck.Served{Rows: foundation.BuiltIn(), Lister: known}},
		}
		return checks.Run(ctx)
	}))
}

// followed are objects of some kinds, as the informers of a cache show them.
type followed struct {
	cache     cache.Cache
	kinds     map[schema.GroupResource]client.Object
	informers map[schema.GroupResource]toolscache.SharedIndexInformer
}

// read waits until all objects are known.
func (f *followed) read(ctx context.Context) error {
	f.informers = map[schema.GroupResource]toolscache.SharedIndexInformer{}
	for of, kind := range f.kinds {
		found, err := f.cache.GetInformer(ctx, kind)
		if err != nil {
			return fmt.Errorf("following %s: %w", of, err)
		}
		informer, ok := found.(toolscache.SharedIndexInformer)
		if !ok {
			return fmt.Errorf("following %s: a %T has no store", of, found)
		}
		f.informers[of] = informer
	}
	return nil
}

// Get implements auth.Lister.
func (f *followed) Get(of schema.GroupResource, namespace, name string) (resource.Object, bool) {
	informer := f.informers[of]
	if informer == nil {
		return nil, false
	}
	key := client.ObjectKey{Namespace: namespace, Name: name}.String()
	if namespace == "" {
		key = name
	}
	item, found, err := informer.GetStore().GetByKey(key)
	obj, ok := item.(resource.Object)
	return obj, err == nil && found && ok
}

// Each implements auth.Lister.
func (f *followed) Each(of schema.GroupResource, namespace string, yield func(resource.Object) bool) {
	informer := f.informers[of]
	if informer == nil {
		return
	}
	for _, item := range informer.GetStore().List() {
		obj, ok := item.(resource.Object)
		if ok && (namespace == "" || obj.GetNamespace() == namespace) && !yield(obj) {
			return
		}
	}
}

// follow tells of every object of a kind and of each change to one, until ctx ends.
func (f *followed) follow(ctx context.Context, of schema.GroupResource, deliver func(obj resource.Object, deleted bool)) error {
	tell := func(item any, deleted bool) {
		if last, ok := item.(toolscache.DeletedFinalStateUnknown); ok {
			item = last.Obj
		}
		if obj, ok := item.(resource.Object); ok {
			deliver(obj, deleted)
		}
	}
	registration, err := f.informers[of].AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { tell(obj, false) }, UpdateFunc: func(_, obj any) { tell(obj, false) }, DeleteFunc: func(obj any) { tell(obj, true) },
	})
	if err != nil {
		return fmt.Errorf("following %s: %w", of, err)
	}
	<-ctx.Done()
	return f.informers[of].RemoveEventHandler(registration)
}

// Changed implements auth.Lister.
func (f *followed) Changed(of schema.GroupResource) int64 {
	informer := f.informers[of]
	if informer == nil {
		return 0
	}
	revision, err := strconv.ParseInt(informer.LastSyncResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return revision
}

// Sync implements auth.Lister. What is not there yet changes what is found suspicious, and refuses nothing.
func (f *followed) Sync(context.Context) error { return nil }
