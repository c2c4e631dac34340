package simulated

import (
	"context"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/kubelet/status"
)

// pods are those of the simulated nodes.
type pods struct {
	*Nodes
	statuses  *status.Writer
	addresses *addresses
	pending   chan struct{} // has something when changed has

	mu      sync.Mutex
	changed map[types.NamespacedName]types.UID
}

func (n *Nodes) newPods() *pods {
	return &pods{
		Nodes: n, statuses: &status.Writer{Client: n.Client, Clock: n.Clock}, addresses: newAddresses(n.Network),
		pending: make(chan struct{}, 1), changed: map[types.NamespacedName]types.UID{},
	}
}

func (p *pods) watch(ctx context.Context) (stop func(), err error) {
	informer, err := p.Cache.GetInformer(ctx, &corev1.Pod{}, cache.BlockUntilSynced(false))
	if err != nil {
		return nil, err
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc: p.look, UpdateFunc: func(_, now any) { p.look(now) }, DeleteFunc: p.look,
	})
	return func() { _ = informer.RemoveEventHandler(registration) }, err
}

// look remembers that a pod of ours has changed.
func (p *pods) look(o any) {
	if gone, ok := o.(toolscache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	if pod, ok := o.(*corev1.Pod); ok && strings.HasPrefix(pod.Spec.NodeName, prefix) {
		p.again(client.ObjectKeyFromObject(pod), pod.UID)
	}
}

func (p *pods) again(key types.NamespacedName, uid types.UID) {
	p.mu.Lock()
	p.changed[key] = uid
	p.mu.Unlock()
	select {
	case p.pending <- struct{}{}:
	default:
	}
}

// work brings all pods up to date that have changed.
func (p *pods) work(ctx context.Context) {
	p.mu.Lock()
	changed := p.changed
	p.changed = map[types.NamespacedName]types.UID{}
	p.mu.Unlock()
	for key, uid := range changed {
		if err := p.sync(ctx, key, uid); err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "Trying again to bring a simulated pod up to date", "pod", key)
			p.again(key, uid)
		}
	}
}

func (p *pods) sync(ctx context.Context, key types.NamespacedName, uid types.UID) error {
	pod := &corev1.Pod{}
	err := p.Cache.Get(ctx, key, pod)
	switch {
	case apierrors.IsNotFound(err):
		p.forget(uid)
		return nil
	case err != nil:
		return err
	}
	if pod.UID != uid { // of the same name as one that went
		p.forget(uid)
	}
	if pod.DeletionTimestamp == nil {
		return p.statuses.Flush(ctx, pod, p.status(pod))
	}
	if pod.DeletionGracePeriodSeconds != nil && *pod.DeletionGracePeriodSeconds == 0 && len(pod.Finalizers) > 0 {
		return nil // it is the turn of whoever holds them
	}
	return client.IgnoreNotFound(p.Client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID}))
}

func (p *pods) forget(uid types.UID) {
	p.statuses.Forget(uid)
	p.addresses.release(uid)
}
