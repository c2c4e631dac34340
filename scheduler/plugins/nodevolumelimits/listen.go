package nodevolumelimits

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// registration of a handler with an informer.
type registration struct {
	informer cache.Informer
	handle   toolscache.ResourceEventHandlerRegistration
}

func (p *Plugin) listening() bool { return len(p.registrations) > 0 }

// listen has what is remembered forgotten when it changes, from the first pod with claims on. An informer shows a change before it tells of
// it, and nothing is read without the lock that forgetting takes: so what was read too early is forgotten later.
func (p *Plugin) listen(ctx context.Context) (err error) {
	if p.Informers == nil || p.listening() || ctx.Err() != nil {
		return nil
	}
	p.claims, p.byVolume = map[types.NamespacedName]*claim{}, map[string][]types.NamespacedName{}
	var all []registration
	for _, kind := range []struct {
		object client.Object
		forget func(name types.NamespacedName)
	}{
		{&corev1.PersistentVolumeClaim{}, p.forgetClaim},
		{&corev1.PersistentVolume{}, func(name types.NamespacedName) { p.forgetVolume(name.Name) }},
		{&storagev1.StorageClass{}, func(types.NamespacedName) { p.forgetAll() }},
		{&storagev1.CSINode{}, func(name types.NamespacedName) { p.forgetLimits(name.Name) }},
	} {
		informer, err := p.Informers.GetInformer(ctx, kind.object)
		if err != nil {
			remove(all)
			return fmt.Errorf("getting the informer of %T: %w", kind.object, err)
		}
		handle, err := informer.AddEventHandler(p.forgetting(kind.forget))
		if err != nil {
			remove(all)
			return fmt.Errorf("following the informer of %T: %w", kind.object, err)
		}
		all = append(all, registration{informer, handle})
	}
	p.registrations = all
	return nil
}

// Close ends listening.
func (p *Plugin) Close() {
	p.mu.Lock()
	all := p.registrations
	p.registrations, p.claims, p.byVolume, p.tallies, p.missing = nil, nil, nil, nil, 0
	p.mu.Unlock()
	remove(all)
}

func remove(all []registration) {
	for _, r := range all {
		_ = r.informer.RemoveEventHandler(r.handle)
	}
}

// forgetting handles the events of a kind.
func (p *Plugin) forgetting(forget func(types.NamespacedName)) toolscache.ResourceEventHandler {
	handle := func(o any) {
		if late, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
			o = late.Obj
		}
		object, ok := o.(client.Object)
		if !ok {
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		forget(client.ObjectKeyFromObject(object))
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc: handle, DeleteFunc: handle,
		UpdateFunc: func(old, now any) {
			if !same(old, now) {
				handle(now)
			}
		},
	}
}

// same says whether an object has not changed in what is counted of it.
func same(old, now any) bool {
	switch now := now.(type) {
	case *corev1.PersistentVolumeClaim:
		old, ok := old.(*corev1.PersistentVolumeClaim)
		return ok && old.Spec.VolumeName == now.Spec.VolumeName &&
			volume.GetPersistentVolumeClaimClass(old) == volume.GetPersistentVolumeClaimClass(now)
	case *corev1.PersistentVolume:
		old, ok := old.(*corev1.PersistentVolume)
		return ok && equality.Semantic.DeepEqual(old.Spec.PersistentVolumeSource, now.Spec.PersistentVolumeSource)
	case *storagev1.StorageClass:
		old, ok := old.(*storagev1.StorageClass)
		return ok && old.Provisioner == now.Provisioner
	case *storagev1.CSINode:
		old, ok := old.(*storagev1.CSINode)
		return ok && equality.Semantic.DeepEqual(old.Spec, now.Spec)
	}
	return false
}

func (p *Plugin) forgetClaim(key types.NamespacedName) {
	c := p.claims[key]
	if c == nil {
		return
	}
	delete(p.claims, key)
	if c.missing {
		p.missing--
	}
	if c.volume != "" {
		rest := slices.DeleteFunc(p.byVolume[c.volume], func(other types.NamespacedName) bool { return other == key })
		if p.byVolume[c.volume] = rest; len(rest) == 0 {
			delete(p.byVolume, c.volume)
		}
	}
	for _, slot := range c.slots {
		p.tallies[slot].node = nil
	}
}

func (p *Plugin) forgetVolume(name string) {
	for _, key := range slices.Clone(p.byVolume[name]) {
		p.forgetClaim(key)
	}
}

// forgetLimits of a node; what is in use there is counted anew with them, for only what has a limit is.
func (p *Plugin) forgetLimits(node string) {
	for i := range p.tallies {
		if t := &p.tallies[i]; t.name == node {
			t.node, t.name = nil, ""
		}
	}
}

func (p *Plugin) forgetAll() {
	clear(p.claims)
	clear(p.byVolume)
	p.missing = 0
	p.forgotten++
	for i := range p.tallies {
		p.tallies[i].node = nil
	}
}
