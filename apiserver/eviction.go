package apiserver

import (
	"context"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	policyv1beta1 "k8s.io/api/policy/v1beta1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/pods"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// readEviction reads an eviction in the version of today, or in that which it was first served in.
func (c *call) readEviction(eviction *policyv1.Eviction, options writeOptions) error {
	body, err := c.body(eviction, options)
	if err != nil {
		return err
	}
	faults, err := c.decoder.Decode(body, c.gvk(), eviction)
	if err != nil && body.Media != codec.Protobuf {
		beta := schema.GroupVersionKind{Group: policyv1.GroupName, Version: "v1beta1", Kind: "Eviction"}
		earlier := &policyv1beta1.Eviction{}
		if more, failed := c.decoder.Decode(body, beta, earlier); failed == nil {
			*eviction = policyv1.Eviction{ObjectMeta: earlier.ObjectMeta, DeleteOptions: earlier.DeleteOptions}
			faults, err = more, nil
		}
	}
	if err != nil {
		return err
	}
	return c.judge(faults, c.gvk(), options)
}

// evict deletes a pod if its disruption budget allows it.
func (c *call) evict() error {
	options, err := c.createOptions()
	if err != nil {
		return err
	}
	eviction := &policyv1.Eviction{}
	if err := c.readEviction(eviction, options); err != nil {
		return err
	}
	if eviction.Name != "" && eviction.Name != c.info.Name {
		return apierrors.NewBadRequest("name in URL does not match name in Eviction object")
	}
	eviction.Namespace = c.info.Namespace
	attributes := c.attributes(admission.Create, eviction, nil, options)
	attributes.Name = c.info.Name
	if err := c.Admission.Admit(c.ctx(), attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.ctx(), attributes); err != nil {
		return err
	}
	deletion := eviction.DeleteOptions
	if deletion == nil {
		deletion = &metav1.DeleteOptions{}
	}
	if options.dryRun {
		deletion.DryRun = []string{metav1.DryRunAll}
	}
	now, err := c.now(c.ctx(), c.info.Name)
	if err != nil {
		return err
	}
	pod := now.object.(*corev1.Pod)
	if !pods.LeavesAnyway(pod) {
		if err := c.spend(c.ctx(), pod, len(deletion.DryRun) > 0); err != nil {
			return err
		}
	}
	if err := c.markDisrupted(c.ctx(), pod.Name, writeOptions{dryRun: len(deletion.DryRun) > 0, manager: options.manager}); err != nil {
		return err
	}
	main := *c
	main.sub = nil
	if _, _, err := main.deleteNamed(c.ctx(), c.info.Name, deletion); err != nil {
		return err
	}
	return c.writeObject(http.StatusCreated, &metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: http.StatusCreated})
}

// markDisrupted says in the pod's status why it goes.
func (c *call) markDisrupted(ctx context.Context, name string, options writeOptions) error {
	_, _, err := c.do(ctx, change{name: name, options: options, unconditional: true, apply: func(_ context.Context, now current) (resource.Object, error) {
		pod := now.object.DeepCopyObject().(*corev1.Pod)
		pods.MarkDisrupted(pod, metav1.NewTime(c.Clock.Now()))
		return pod, nil
	}})
	return err
}

var budgets = schema.GroupVersionResource{Group: policyv1.GroupName, Version: "v1", Resource: "poddisruptionbudgets"}

// spend takes one disruption out of the pod's budget, or refuses.
func (c *call) spend(ctx context.Context, pod *corev1.Pod, dryRun bool) error {
	at := c.kinds.Load().endpoints[budgets]
	if at == nil {
		return nil
	}
	budget, err := c.budgetOf(at, pod)
	if err != nil || budget == nil {
		return err
	}
	if pods.GoesFree(pod, budget) {
		return nil
	}
	info := *c.info
	info.Group, info.Version, info.Resource, info.Name, info.Subresource = budgets.Group, budgets.Version, budgets.Resource, budget.Name, "status"
	onBudget := *c
	onBudget.at, onBudget.info, onBudget.sub = at, &info, &resource.Subresource{Name: "status"}
	_, _, err = onBudget.do(ctx, change{
		name: budget.Name, options: writeOptions{dryRun: dryRun, manager: "coxswain"}, unconditional: true,
		apply: func(_ context.Context, now current) (resource.Object, error) {
			budget := now.object.DeepCopyObject().(*policyv1.PodDisruptionBudget)
			return budget, pods.Spend(budget, pod.Name, metav1.NewTime(c.Clock.Now()))
		},
	})
	return err
}

// budgetOf finds the one budget that selects the pod.
func (c *call) budgetOf(at *endpoint, pod *corev1.Pod) (*policyv1.PodDisruptionBudget, error) {
	var found []*policyv1.PodDisruptionBudget
	at.cached.Snapshot().Ascend(pod.Namespace, "", func(entry *cache.Entry) bool {
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
		Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Reason: metav1.StatusReasonInternalError,
		Message: "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
	}}
}
