package node

import (
	"fmt"
	"net"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
)

func validate(n *corev1.Node) field.ErrorList {
	errs := validateTaints(n.Spec.Taints, field.NewPath("metadata", "taints"))
	errs = append(errs, validateResources(n)...)
	errs = append(errs, validateFeatures(n.Status.DeclaredFeatures, field.NewPath("status", "declaredFeatures"))...)
	return append(errs, validatePodCIDRs(n.Spec.PodCIDRs, field.NewPath("spec", "podCIDRs"))...)
}

// taintText is how a taint is printed when it is there twice.
type taintText struct {
	Key       string
	Value     string
	Effect    corev1.TaintEffect
	TimeAdded *metav1.Time
}

func validateTaints(taints []corev1.Taint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	type key struct {
		effect corev1.TaintEffect
		key    string
	}
	seen := sets.New[key]()
	for i, taint := range taints {
		at := path.Index(i)
		errs = append(errs, check.LabelKey(at.Child("key"), taint.Key)...)
		errs = append(errs, check.Messages(at.Child("value"), taint.Value, validation.IsValidLabelValue(taint.Value))...)
		errs = append(errs, check.RequiredOneOf(at.Child("effect"), taint.Effect, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute)...)
		k := key{taint.Effect, taint.Key}
		if seen.Has(k) {
			duplicate := field.Duplicate(at, taintText(taint))
			duplicate.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, duplicate)
		}
		seen.Insert(k)
	}
	return errs
}

func validateResources(n *corev1.Node) field.ErrorList {
	validate := func(list corev1.ResourceList, path *field.Path) field.ErrorList {
		return check.Entries(list, func(name corev1.ResourceName, quantity apiresource.Quantity) field.ErrorList {
			return resources.ValidateQuantity(name, quantity, path.Child(string(name)))
		})
	}
	path := field.NewPath("status")
	return append(validate(n.Status.Capacity, path.Child("capacity")), validate(n.Status.Allocatable, path.Child("allocatable"))...)
}

func validatePodCIDRs(cidrs []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, cidr := range cidrs {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Index(i), cidr, true, nil)...)
	}
	if len(cidrs) < 2 {
		return errs
	}
	families := map[bool]bool{}
	for i, cidr := range cidrs {
		_, network, err := net.ParseCIDR(cidr)
		if err != nil {
			errs = append(errs, field.InternalError(path, fmt.Errorf("invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[%d]: <nil> (%w)", i, err)))
			break
		}
		families[network.IP.To4() != nil] = true
	}
	if len(families) < 2 || len(cidrs) > 2 {
		errs = append(errs, field.Invalid(path, cidrs, "may specify no more than one CIDR for each IP family"))
	}
	return errs
}

func validateUpdate(n, old *corev1.Node) field.ErrorList {
	errs := validate(n)
	path := field.NewPath("spec")
	if len(old.Spec.PodCIDRs) > 0 {
		same := len(n.Spec.PodCIDRs) == len(old.Spec.PodCIDRs)
		for i := 0; same && i < len(old.Spec.PodCIDRs); i++ {
			same = n.Spec.PodCIDRs[i] == old.Spec.PodCIDRs[i]
		}
		if !same {
			errs = append(errs, field.Forbidden(path.Child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
		}
	}
	if old.Spec.ProviderID != "" && n.Spec.ProviderID != old.Spec.ProviderID {
		errs = append(errs, field.Forbidden(path.Child("providerID"), "node updates may not change providerID except from \"\" to valid"))
	}
	return errs
}

func validateStatus(n, _ *corev1.Node) field.ErrorList {
	errs := validateResources(n)
	seen := sets.New[corev1.NodeAddress]()
	for i, address := range n.Status.Addresses {
		if seen.Has(address) {
			errs = append(errs, field.Duplicate(field.NewPath("status", "addresses").Index(i), addressText{string(address.Type), address.Address}))
		}
		seen.Insert(address)
	}
	return append(errs, validateFeatures(n.Status.DeclaredFeatures, field.NewPath("status", "declaredFeatures"))...)
}

// addressText is how an address is printed when it is wrong.
type addressText struct{ Type, Address string }
