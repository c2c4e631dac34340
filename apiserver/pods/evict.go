package pods

import (
	"context"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/deletion"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/write"
)

// readEviction reads an eviction in the version of today, or in that which it was first served in.
func (c Verbs) readEviction(eviction *policyv1.Eviction, options call.WriteOptions) error {
	body, err := c.Body(eviction, options)
	if err != nil {
		return err
	}
	faults, err := c.Decoder.Decode(body, c.GVK(), eviction)
	if err != nil && body.Media != codec.Protobuf {
		beta := schema.GroupVersionKind{Group: policyv1.GroupName, Version: "v1beta1", Kind: "Eviction"}
		earlier := &policyv1beta1.Eviction{}
		if more, failed := c.Decoder.Decode(body, beta, earlier); failed == nil {
			*eviction = policyv1.Eviction{ObjectMeta: earlier.ObjectMeta, DeleteOptions: earlier.DeleteOptions}
			faults, err = more, nil
		}
	}
	if err != nil {
		return err
	}
	if err := c.Judge(faults, c.GVK(), options); err != nil {
		return err
	}
	c.Record(eviction, c.GVK())
	return nil
}

// Evict deletes a pod if its disruption budget allows it.
func (c Verbs) Evict() error {
	options, err := c.CreateOptions()
	if err != nil {
		return err
	}
	eviction := &policyv1.Eviction{}
	if err := c.readEviction(eviction, options); err != nil {
		return err
	}
	if err := c.FitNamespace(eviction); err != nil {
		return err
	}
	if eviction.Name != c.Info.Name {
		return apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	attributes := c.Attributes(admission.Create, eviction, nil, options)
	attributes.Name = c.Info.Name
	if err := c.Admission.Ask(c.Context(), attributes); err != nil {
		return err
	}
	how := eviction.DeleteOptions
	if how == nil {
		how = &metav1.DeleteOptions{}
	}
	if err := refusal.InvalidOptions("DeleteOptions", validation.ValidateDeleteOptions(how)); err != nil {
		return err
	}
	if options.DryRun {
		how.DryRun = []string{metav1.DryRunAll}
	}
	now, err := c.Now(c.Context(), c.Info.Name)
	if err != nil {
		return err
	}
	pod := now.Object.(*corev1.Pod)
	if !leavesAnyway(pod) {
		if err := c.spend(c.Context(), pod, len(how.DryRun) > 0); err != nil {
			return err
		}
	}
	if err := c.markDisrupted(c.Context(), pod.Name, how, options.Manager); err != nil {
		return err
	}
	main := c.On(c.At, c.Info, nil)
	if _, _, err := main.DeleteNamed(c.Context(), c.Info.Name, how); err != nil {
		return err
	}
	return c.WriteObject(http.StatusCreated, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: http.StatusCreated})
}

// markDisrupted says in the pod's status why it goes, if it is the pod that is meant. A deletion that is meant for a
// state of the pod is meant for this next one from then on.
func (c Verbs) markDisrupted(ctx context.Context, name string, options *metav1.DeleteOptions, manager string) error {
	dryRun := len(options.DryRun) > 0
	change := write.Change{Name: name, Options: call.WriteOptions{DryRun: dryRun, Manager: manager}, Unconditional: true}
	change.Apply = func(_ context.Context, now write.Current) (resource.Object, error) {
		if err := (deletion.Of{At: c.At, Clock: c.Clock}).Check(now.Object, options.Preconditions); err != nil {
			return nil, err
		}
		pod := now.Object.DeepCopyObject().(*corev1.Pod)
		markDisrupted(pod, metav1.NewTime(c.Clock.Now()))
		return pod, nil
	}
	marked, _, err := c.Do(ctx, change)
	if err == nil && !dryRun && options.Preconditions != nil && options.Preconditions.ResourceVersion != nil {
		options.Preconditions.ResourceVersion = ptr.To(marked.GetResourceVersion())
	}
	return err
}

var budgets = schema.GroupVersionResource{Group: policyv1.GroupName, Version: "v1", Resource: "poddisruptionbudgets"}

// spend takes one disruption out of the pod's budget, or refuses.
func (c Verbs) spend(ctx context.Context, pod *corev1.Pod, dryRun bool) error {
	at := c.Served.Now().Endpoints[budgets]
	if at == nil {
		return nil
	}
	budget, err := c.budgetOf(at, pod)
	if err != nil || budget == nil {
		return err
	}
	if goesFree(pod, budget) {
		return nil
	}
	info := *c.Info
	info.Group, info.Version, info.Resource, info.Name, info.Subresource = budgets.Group, budgets.Version, budgets.Resource, budget.Name, "status"
	_, _, err = c.On(at, &info, &resource.Subresource{Name: "status"}).Do(ctx, write.Change{
		Name: budget.Name, Options: call.WriteOptions{DryRun: dryRun, Manager: "kube-apiserver"}, Unconditional: true,
		Apply: func(_ context.Context, now write.Current) (resource.Object, error) {
			budget := now.Object.DeepCopyObject().(*policyv1.PodDisruptionBudget)
			return budget, spend(budget, pod.Name, metav1.NewTime(c.Clock.Now()))
		},
	})
	return err
}

// budgetOf finds the one budget that selects the pod.
func (c Verbs) budgetOf(at *kinds.Endpoint, pod *corev1.Pod) (*policyv1.PodDisruptionBudget, error) {
	var found []*policyv1.PodDisruptionBudget
	at.Cached.Snapshot().Ascend(pod.Namespace, "", func(entry *cache.Entry) bool {
		budget, ok := entry.Object.(*policyv1.PodDisruptionBudget)
		if !ok {
			return true
		}
		selector, err := metav1.LabelSelectorAsSelector(budget.Spec.Selector)
		if err == nil && selector.Matches(labels.Set(pod.Labels)) {
			found = append(found, budget)
		}
		return true
	})
	switch len(found) {
	case 0:
		return nil, nil
	case 1:
		return found[0], nil
	}
	return nil, &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError,
		Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
	}}
}
