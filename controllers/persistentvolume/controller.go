package persistentvolume

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Name is the controller's name in the list of all.
const Name = "persistentvolume"

const component = "persistentvolume-controller"

// binder is what both reconcilers have.
type binder struct {
	client   client.Client
	live     client.Reader // past the cache
	recorder record.EventRecorder
	clock    clock.PassiveClock

	recycling kit.Recycling
	retries   retries
	teller    teller
}

// Fields by which objects are found.
const (
	claimRefIndex = "spec.claimRef" // namespace/name
	pendingIndex  = "pending"       // class of a claim that is not bound, or the volume that one has lost
)

func claimKey(volume *corev1.PersistentVolume) client.ObjectKey {
	return client.ObjectKey{Namespace: volume.Spec.ClaimRef.Namespace, Name: volume.Spec.ClaimRef.Name}
}

func byClaimRef(obj client.Object) []string {
	if v, ok := obj.(*corev1.PersistentVolume); ok && v.Spec.ClaimRef != nil {
		return []string{claimKey(v).String()}
	}
	return nil
}

func byPendingClass(obj client.Object) []string {
	claim, ok := obj.(*corev1.PersistentVolumeClaim)
	switch {
	case !ok:
		return nil
	case !isBound(claim):
		return []string{"class " + volume.GetPersistentVolumeClaimClass(claim)}
	case claim.Status.Phase == corev1.ClaimLost:
		return []string{"volume " + claim.Spec.VolumeName}
	}
	return nil
}

// isBound says whether a binding was completed once.
func isBound(claim *corev1.PersistentVolumeClaim) bool {
	_, completed := claim.Annotations[volume.AnnBindCompleted]
	return completed
}

// claimsOfVolume are the claim that a volume is for, or those that it may be for.
func (b *binder) claimsOfVolume(ctx context.Context, obj client.Object) []reconcile.Request {
	v, ok := obj.(*corev1.PersistentVolume)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	if v.Spec.ClaimRef != nil {
		requests = append(requests, reconcile.Request{NamespacedName: claimKey(v)})
	} else {
		requests = append(b.pending(ctx, "class "+volume.GetPersistentVolumeClass(v)), b.pending(ctx, "volume "+v.Name)...)
	}
	return requests
}

// claimsOfClass are the claims that wait for a class, and those that wait for a default one.
func (b *binder) claimsOfClass(ctx context.Context, obj client.Object) []reconcile.Request {
	return append(b.pending(ctx, "class "+obj.GetName()), b.pending(ctx, "class ")...)
}

func (b *binder) pending(ctx context.Context, what string) []reconcile.Request {
	var claims corev1.PersistentVolumeClaimList
	if err := b.client.List(ctx, &claims, client.MatchingFields{pendingIndex: what}); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range claims.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&claims.Items[i])})
	}
	return requests
}

// volumesOfClaim are the volumes that a claim names or that name it.
func (b *binder) volumesOfClaim(ctx context.Context, obj client.Object) []reconcile.Request {
	claim, ok := obj.(*corev1.PersistentVolumeClaim)
	if !ok {
		return nil
	}
	names := map[string]struct{}{}
	if claim.Spec.VolumeName != "" {
		names[claim.Spec.VolumeName] = struct{}{}
	}
	var volumes corev1.PersistentVolumeList
	if err := b.client.List(ctx, &volumes, client.MatchingFields{claimRefIndex: client.ObjectKeyFromObject(claim).String()}); err == nil {
		for i := range volumes.Items {
			names[volumes.Items[i].Name] = struct{}{}
		}
	}
	var requests []reconcile.Request
	for name := range names {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
	}
	return requests
}

// forget drops what is remembered of a volume that is gone.
func (b *binder) forget(v client.Object) {
	b.retries.done(v.GetUID())
	b.teller.leave(v.GetUID())
}

// Register puts both reconcilers on mgr. A claim wakes when it changes, when a volume comes that it may be bound to or
// is for it, when a storage class appears, and when no node is found for one of its pods. A volume wakes when it or its claim changes.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	b := &binder{client: mgr.GetClient(), live: mgr.GetAPIReader(), recorder: kit.Recorder(mgr, component), clock: deps.Clock, recycling: deps.Tuning.Recycling}
	b.teller = teller{recorder: b.recorder, client: sync.OnceValues(func() (client.WithWatch, error) {
		return client.NewWithWatch(mgr.GetConfig(), client.Options{HTTPClient: mgr.GetHTTPClient(), Scheme: mgr.GetScheme(), Mapper: mgr.GetRESTMapper()})
	})}
	if err := kit.Index(ctx, mgr, &corev1.PersistentVolume{}, claimRefIndex, byClaimRef); err != nil {
		return err
	}
	if err := kit.Index(ctx, mgr, &corev1.PersistentVolumeClaim{}, pendingIndex, byPendingClass); err != nil {
		return err
	}
	if err := kit.Show(mgr, deps.Metrics, counts{b.client}); err != nil {
		return err
	}
	notGone := predicate.Funcs{DeleteFunc: func(event.DeleteEvent) bool { return false }}
	err := kit.New(mgr, Name+"-claims").WithOptions(kit.Options(1)).
		For(&corev1.PersistentVolumeClaim{}).
		Watches(&corev1.PersistentVolume{}, handler.EnqueueRequestsFromMapFunc(b.claimsOfVolume)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(b.claimsOfPod), builder.WithPredicates(stuck())).
		Watches(&storagev1.StorageClass{}, handler.EnqueueRequestsFromMapFunc(b.claimsOfClass), builder.WithPredicates(notGone)).
		Complete(reconcile.AsReconciler(b.client, &Claims{b}))
	if err != nil {
		return err
	}
	return kit.New(mgr, Name+"-volumes").WithOptions(kit.Options(1)).
		For(&corev1.PersistentVolume{}, builder.WithPredicates(predicate.Funcs{DeleteFunc: kit.OnDelete(b.forget)})).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(b.volumesOfClaim)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(volumeOfRecycler), builder.WithPredicates(recyclers())).
		Complete(reconcile.AsReconciler(b.client, &Volumes{b}))
}
