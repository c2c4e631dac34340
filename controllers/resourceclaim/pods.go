package resourceclaim

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controllers' name in the list of all.
const Name = "resourceclaim"

// Pods reconciles the claims of pods.
type Pods struct {
	Client   client.Client
	Live     client.Reader // of claims, which the cache may not show yet
	Recorder record.EventRecorder
	metrics  *metrics
}

// Reconcile makes the claims that the pod lacks, notes their names in its status, and reserves claims for a pod that has a node
// and was not scheduled.
func (c *Pods) Reconcile(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	if len(pod.Spec.ResourceClaims) == 0 || pod.DeletionTimestamp != nil || podcontrol.IsFinished(pod) {
		return reconcile.Result{}, nil
	}
	statuses := slices.Clone(pod.Status.ResourceClaimStatuses)
	var errs []error
	for i := range pod.Spec.ResourceClaims {
		wanted := &pod.Spec.ResourceClaims[i]
		if wanted.ResourceClaimTemplateName == nil {
			continue
		}
		name, err := c.ensure(ctx, pod, wanted)
		if err != nil {
			c.Recorder.Event(pod, corev1.EventTypeWarning, "FailedResourceClaimCreation", fmt.Sprintf("PodResourceClaim %s: %v", wanted.Name, err))
			errs = append(errs, err)
			continue
		}
		statuses = noted(statuses, wanted.Name, name)
	}
	err := patch.StatusFields(ctx, c.Client, pod, func(changed *corev1.Pod) { changed.Status.ResourceClaimStatuses = statuses })
	if err = errors.Join(append(errs, err)...); err == nil && pod.Spec.NodeName != "" {
		err = c.reserve(ctx, pod)
	}
	return patch.Result(reconcile.Result{}, err)
}

// noted sets the name of the claim that was made for an entry of the pod.
func noted(statuses []corev1.PodResourceClaimStatus, entry, claim string) []corev1.PodResourceClaimStatus {
	at := slices.IndexFunc(statuses, func(s corev1.PodResourceClaimStatus) bool { return s.Name == entry })
	if at < 0 {
		return append(statuses, corev1.PodResourceClaimStatus{Name: entry, ResourceClaimName: ptr.To(claim)})
	}
	statuses[at].ResourceClaimName = ptr.To(claim)
	return statuses
}

// ensure returns the name of the claim for one entry, which it makes unless it is there.
func (c *Pods) ensure(ctx context.Context, pod *corev1.Pod, wanted *corev1.PodResourceClaim) (string, error) {
	if name, _, err := resourceclaim.Name(pod, wanted); err == nil && name != nil {
		known := &resourcev1.ResourceClaim{}
		err := c.Live.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: *name}, known)
		if err == nil {
			return *name, resourceclaim.IsForPod(pod, known, false)
		}
		if !apierrors.IsNotFound(err) {
			return "", fmt.Errorf("reading the claim %s: %w", *name, err)
		}
	}
	claims := &resourcev1.ResourceClaimList{}
	if err := c.Live.List(ctx, claims, client.InNamespace(pod.Namespace)); err != nil {
		return "", fmt.Errorf("listing claims: %w", err)
	}
	for i := range claims.Items {
		if claim := &claims.Items[i]; metav1.IsControlledBy(claim, pod) && claim.Annotations[resourcev1.PodResourceClaimAnnotation] == wanted.Name && claim.DeletionTimestamp == nil {
			return claim.Name, nil
		}
	}
	template := &resourcev1.ResourceClaimTemplate{}
	if err := c.Client.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: *wanted.ResourceClaimTemplateName}, template); err != nil {
		return "", fmt.Errorf("resource claim template %q: %w", *wanted.ResourceClaimTemplateName, err)
	}
	made := claimFor(pod, wanted.Name, template)
	err := c.Client.Create(ctx, made)
	c.metrics.asked(made, err)
	if err != nil {
		return "", fmt.Errorf("create ResourceClaim %s: %w", made.GenerateName, err)
	}
	return made.Name, nil
}

// claimFor is the claim of one entry of the pod.
func claimFor(pod *corev1.Pod, entry string, template *resourcev1.ResourceClaimTemplate) *resourcev1.ResourceClaim {
	annotations := map[string]string{resourcev1.PodResourceClaimAnnotation: entry}
	for key, value := range template.Spec.Annotations {
		if key != resourcev1.PodResourceClaimAnnotation {
			annotations[key] = value
		}
	}
	return &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: pod.Namespace, GenerateName: pod.Name + "-" + entry + "-", Labels: template.Spec.Labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(pod, corev1.SchemeGroupVersion.WithKind("Pod"))},
		},
		Spec: template.Spec.Spec,
	}
}

// reserve reserves allocated claims for a pod that somebody has bound without the scheduler.
func (c *Pods) reserve(ctx context.Context, pod *corev1.Pod) error {
	for i := range pod.Spec.ResourceClaims {
		name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i])
		if err != nil || name == nil {
			continue
		}
		claim := &resourcev1.ResourceClaim{}
		if err := c.Client.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: *name}, claim); err != nil {
			return client.IgnoreNotFound(err)
		}
		if claim.Status.Allocation == nil || claim.DeletionTimestamp != nil || resourceclaim.IsReservedForPod(pod, claim, false) {
			continue
		}
		err = patch.StatusFields(ctx, c.Client, claim, func(changed *resourcev1.ResourceClaim) {
			changed.Status.ReservedFor = append(changed.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod.Name, UID: pod.UID})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Register puts the controllers on mgr. That of pods wakes when a pod with claims changes, when a claim of its own changes, and
// when a template comes; that of claims when a claim or a pod that may use it changes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	pods := &Pods{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: kit.Recorder(mgr, "resource_claim"), metrics: newMetrics(deps.Metrics)}
	if err := kit.Show(mgr, deps.Metrics, present{pods.Client}); err != nil {
		return err
	}
	withClaims := predicate.NewPredicateFuncs(func(o client.Object) bool {
		pod, ok := o.(*corev1.Pod)
		return ok && len(pod.Spec.ResourceClaims) > 0
	})
	err := kit.New(mgr, Name).
		For(&corev1.Pod{}, builder.WithPredicates(withClaims)).
		Watches(&resourcev1.ResourceClaim{}, handler.EnqueueRequestForOwner(mgr.GetScheme(), mgr.GetRESTMapper(), &corev1.Pod{}, handler.OnlyControllerOwner())).
		Watches(&resourcev1.ResourceClaimTemplate{}, handler.EnqueueRequestsFromMapFunc(pods.ofTemplate)).
		Complete(reconcile.AsReconciler(pods.Client, pods))
	if err != nil {
		return err
	}
	claims := &Claims{Client: mgr.GetClient(), Live: mgr.GetAPIReader()}
	using := predicate.NewPredicateFuncs(func(o client.Object) bool { return len(ofPod(context.Background(), o)) > 0 })
	return kit.New(mgr, Name+"-reservations").
		For(&resourcev1.ResourceClaim{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(ofPod), builder.WithPredicates(using)).
		Complete(reconcile.AsReconciler(claims.Client, claims))
}

// ofTemplate are the pods that wait for a template.
func (c *Pods) ofTemplate(ctx context.Context, template client.Object) []reconcile.Request {
	found := &corev1.PodList{}
	if err := c.Client.List(ctx, found, client.InNamespace(template.GetNamespace())); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range found.Items {
		pod := &found.Items[i]
		asks := func(wanted corev1.PodResourceClaim) bool {
			return ptr.Deref(wanted.ResourceClaimTemplateName, "") == template.GetName()
		}
		if slices.ContainsFunc(pod.Spec.ResourceClaims, asks) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pod)})
		}
	}
	return requests
}

// ofPod are the claims that a pod names, and that which the scheduler has made for its extended resources.
func ofPod(_ context.Context, o client.Object) []reconcile.Request {
	pod, ok := o.(*corev1.Pod)
	if !ok {
		return nil
	}
	var requests []reconcile.Request
	if made := pod.Status.ExtendedResourceClaimStatus; made != nil {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: pod.Namespace, Name: made.ResourceClaimName}})
	}
	for i := range pod.Spec.ResourceClaims {
		if name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i]); err == nil && name != nil {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKey{Namespace: pod.Namespace, Name: *name}})
		}
	}
	return requests
}
