package limitranger

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	resourcehelper "k8s.io/component-helpers/resource"
)

// usage is what a container, a pod or a claim asks for.
type usage struct {
	kind             corev1.LimitType
	requests, limits corev1.ResourceList
}

func checkPod(limits *corev1.LimitRange, pod *corev1.Pod) []error {
	var errs []error
	for i := range limits.Spec.Limits {
		item := &limits.Spec.Limits[i]
		switch item.Type {
		case corev1.LimitTypeContainer:
			for _, containers := range [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers} {
				for _, c := range containers {
					errs = append(errs, usage{item.Type, c.Resources.Requests, c.Resources.Limits}.check(item)...)
				}
			}
		case corev1.LimitTypePod:
			options := resourcehelper.PodResourcesOptions{ExcludeOverhead: true}
			errs = append(errs, usage{item.Type, resourcehelper.PodRequests(pod, options), resourcehelper.PodLimits(pod, options)}.check(item)...)
		}
	}
	return errs
}

func (u usage) check(item *corev1.LimitRangeItem) []error {
	var errs []error
	each(item.Min, &errs, u.min)
	each(item.Max, &errs, u.max)
	each(item.MaxLimitRequestRatio, &errs, u.ratio)
	return errs
}

func each(list corev1.ResourceList, errs *[]error, check func(name corev1.ResourceName, enforced resource.Quantity) error) {
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if err := check(name, list[name]); err != nil {
			*errs = append(*errs, err)
		}
	}
}

func (u usage) min(name corev1.ResourceName, enforced resource.Quantity) error {
	request, hasRequest := u.requests[name]
	limit, hasLimit := u.limits[name]
	switch {
	case !hasRequest:
		return fmt.Errorf("minimum %s usage per %s is %s.  No request is specified", name, u.kind, enforced.String())
	case request.Cmp(enforced) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but request is %s", name, u.kind, enforced.String(), request.String())
	case hasLimit && limit.Cmp(enforced) < 0:
		return fmt.Errorf("minimum %s usage per %s is %s, but limit is %s", name, u.kind, enforced.String(), limit.String())
	}
	return nil
}

func (u usage) max(name corev1.ResourceName, enforced resource.Quantity) error {
	request, hasRequest := u.requests[name]
	limit, hasLimit := u.limits[name]
	switch {
	case !hasLimit:
		return fmt.Errorf("maximum %s usage per %s is %s.  No limit is specified", name, u.kind, enforced.String())
	case limit.Cmp(enforced) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but limit is %s", name, u.kind, enforced.String(), limit.String())
	case hasRequest && request.Cmp(enforced) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, u.kind, enforced.String(), request.String())
	}
	return nil
}

func (u usage) ratio(name corev1.ResourceName, enforced resource.Quantity) error {
	request, hasRequest := u.requests[name]
	limit, hasLimit := u.limits[name]
	switch {
	case !hasRequest || request.IsZero():
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no request is specified or request is 0", name, u.kind, enforced.String())
	case !hasLimit || limit.IsZero():
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but no limit is specified or limit is 0", name, u.kind, enforced.String())
	}
	observed := limit.AsApproximateFloat64() / request.AsApproximateFloat64()
	if observed > enforced.AsApproximateFloat64() {
		return fmt.Errorf("%s max limit to request ratio per %s is %s, but provided ratio is %f", name, u.kind, enforced.String(), observed)
	}
	return nil
}

// checkClaim looks at the request alone: claims have no limits.
func checkClaim(limits *corev1.LimitRange, claim *corev1.PersistentVolumeClaim) []error {
	var errs []error
	for i := range limits.Spec.Limits {
		item := &limits.Spec.Limits[i]
		if item.Type != corev1.LimitTypePersistentVolumeClaim {
			continue
		}
		u := usage{kind: item.Type, requests: claim.Spec.Resources.Requests}
		each(item.Min, &errs, u.min)
		each(item.Max, &errs, u.maxRequest)
	}
	return errs
}

func (u usage) maxRequest(name corev1.ResourceName, enforced resource.Quantity) error {
	request, ok := u.requests[name]
	switch {
	case !ok:
		return fmt.Errorf("maximum %s usage per %s is %s.  No request is specified", name, u.kind, enforced.String())
	case request.Cmp(enforced) > 0:
		return fmt.Errorf("maximum %s usage per %s is %s, but request is %s", name, u.kind, enforced.String(), request.String())
	}
	return nil
}
