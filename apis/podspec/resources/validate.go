package resources

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	helpers "k8s.io/component-helpers/resource"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// None says that a container asks for nothing.
func None(r *corev1.ResourceRequirements) bool {
	return len(r.Limits) == 0 && len(r.Requests) == 0 && len(r.Claims) == 0
}

// Validate checks what a container asks for; claims are the names of those of its pod.
func Validate(r *corev1.ResourceRequirements, claims sets.Set[string], path *field.Path) field.ErrorList {
	limits, requests := path.Child("limits"), path.Child("requests")
	var errs field.ErrorList
	hugePages, usesHugePages := false, false
	for _, name := range names(r.Limits) {
		quantity := r.Limits[name]
		at := limits.Key(string(name))
		errs = append(errs, ValidateContainerName(name, at)...)
		errs = append(errs, ValidateQuantity(name, quantity, at)...)
		errs = append(errs, validateHugePages(name, quantity, at)...)
		hugePages = hugePages || IsHugePages(name)
		usesHugePages = usesHugePages || name == corev1.ResourceCPU || name == corev1.ResourceMemory
	}
	for _, name := range names(r.Requests) {
		quantity := r.Requests[name]
		at := requests.Key(string(name))
		errs = append(errs, ValidateContainerName(name, at)...)
		errs = append(errs, ValidateQuantity(name, quantity, at)...)
		errs = append(errs, validateRequest(name, quantity, r.Limits, path)...)
		errs = append(errs, validateHugePages(name, quantity, at)...)
		hugePages = hugePages || IsHugePages(name)
		usesHugePages = usesHugePages || name == corev1.ResourceCPU || name == corev1.ResourceMemory
	}
	if hugePages && !usesHugePages {
		errs = append(errs, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	return append(errs, validateClaimRefs(r.Claims, claims, path.Child("claims"))...)
}

// names of resources in the order in which they are looked at.
func names(list corev1.ResourceList) []corev1.ResourceName { return sets.List(sets.KeySet(list)) }

// validateRequest checks a request against its limit.
func validateRequest(name corev1.ResourceName, request apiresource.Quantity, limits corev1.ResourceList, path *field.Path) field.ErrorList {
	limit, limited := limits[name]
	switch {
	case !limited && !overcommittable(name):
		return field.ErrorList{field.Required(path.Child("limits"), "Limit must be set for non overcommitable resources")}
	case limited && request.Cmp(limit) != 0 && !overcommittable(name):
		return field.ErrorList{field.Invalid(path.Child("requests"), request.String(), fmt.Sprintf("must be equal to %s limit of %s", name, limit.String()))}
	case limited && request.Cmp(limit) > 0:
		return field.ErrorList{field.Invalid(path.Child("requests"), request.String(), fmt.Sprintf("must be less than or equal to %s limit of %s", name, limit.String()))}
	}
	return nil
}

// overcommittable says whether a node may promise more of a resource than it has.
func overcommittable(name corev1.ResourceName) bool {
	return isNative(name) && !IsHugePages(name)
}

// isNative says whether a resource is Kubernetes' own and not somebody's extension.
func isNative(name corev1.ResourceName) bool {
	return !strings.Contains(string(name), "/") || strings.Contains(string(name), corev1.ResourceDefaultNamespacePrefix)
}

func standardForContainers(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		return true
	}
	return IsHugePages(name)
}

func standard(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, corev1.ResourceStorage,
		corev1.ResourcePods, corev1.ResourceServices, corev1.ResourceReplicationControllers, corev1.ResourceQuotas,
		corev1.ResourceSecrets, corev1.ResourceConfigMaps, corev1.ResourcePersistentVolumeClaims,
		corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers,
		corev1.ResourceRequestsCPU, corev1.ResourceRequestsMemory, corev1.ResourceRequestsStorage, corev1.ResourceRequestsEphemeralStorage,
		corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory, corev1.ResourceLimitsEphemeralStorage:
		return true
	}
	return IsHugePages(name) || strings.HasPrefix(string(name), corev1.ResourceRequestsHugePagesPrefix)
}

// ValidateName checks the name of any resource.
func ValidateName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := check.QualifiedName(path, string(name))
	if len(errs) == 0 && !strings.Contains(string(name), "/") && !standard(name) {
		errs = append(errs, field.Invalid(path, name, "must be a standard resource type or fully qualified"))
	}
	return errs
}

// ValidateContainerName checks the name of a resource that a container asks for.
func ValidateContainerName(name corev1.ResourceName, path *field.Path) field.ErrorList {
	errs := ValidateName(name, path)
	if !strings.Contains(string(name), "/") {
		if !standardForContainers(name) {
			errs = append(errs, field.Invalid(path, name, "must be a standard resource for containers"))
		}
		return errs
	}
	if isNative(name) || strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix) {
		errs = append(errs, field.Invalid(path, name, "doesn't follow extended resource name standard"))
	}
	return errs
}

// ValidateQuantity checks an amount of a resource: not negative, and whole where parts make no sense.
func ValidateQuantity(name corev1.ResourceName, quantity apiresource.Quantity, path *field.Path) field.ErrorList {
	errs := NonNegativeQuantity(quantity, path)
	if integer(name) && quantity.MilliValue()%1000 != 0 {
		errs = append(errs, field.Invalid(path, quantity.String(), "must be an integer"))
	}
	return errs
}

// NonNegativeQuantity checks an amount.
func NonNegativeQuantity(quantity apiresource.Quantity, path *field.Path) field.ErrorList {
	if quantity.Sign() < 0 {
		return field.ErrorList{field.Invalid(path, quantity.String(), "must be greater than or equal to 0")}
	}
	return nil
}

func integer(name corev1.ResourceName) bool {
	switch name {
	case corev1.ResourcePods, corev1.ResourceQuotas, corev1.ResourceServices, corev1.ResourceReplicationControllers,
		corev1.ResourceSecrets, corev1.ResourceConfigMaps, corev1.ResourcePersistentVolumeClaims,
		corev1.ResourceServicesNodePorts, corev1.ResourceServicesLoadBalancers:
		return true
	}
	return !isNative(name) && !strings.HasPrefix(string(name), corev1.DefaultResourceRequestsPrefix)
}

// validateHugePages checks that an amount is a number of whole pages of the size in the name.
func validateHugePages(name corev1.ResourceName, quantity apiresource.Quantity, path *field.Path) field.ErrorList {
	text, ok := strings.CutPrefix(string(name), corev1.ResourceHugePagesPrefix)
	if !ok {
		return nil
	}
	size, err := apiresource.ParseQuantity(text)
	if err != nil || size.Sign() <= 0 || quantity.Value()%size.Value() != 0 {
		return field.ErrorList{field.Invalid(path, quantity.String(), fmt.Sprintf("%s is not positive integer multiple of %s", quantity.String(), name))}
	}
	return nil
}

func validateClaimRefs(refs []corev1.ResourceClaim, claims sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, ref := range refs {
		at := path.Index(i)
		if ref.Name == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		key := ref.Name
		if ref.Request != "" {
			key += "/" + ref.Request
		}
		// A whole claim has every request of it, before it or after.
		whole := ref.Request == "" && slices.ContainsFunc(refs[:i], func(before corev1.ResourceClaim) bool { return before.Name == ref.Name })
		if seen.Has(key) || seen.Has(ref.Name) || whole {
			errs = append(errs, field.Duplicate(at, ref.Name))
		}
		seen.Insert(key)
		if !claims.Has(ref.Name) {
			detail := "must be one of the names in pod.spec.resourceClaims"
			if len(claims) == 0 {
				detail += " which is empty"
			} else {
				detail += ": " + strings.Join(sets.List(claims), ", ")
			}
			notFound := field.NotFound(at, ref.Name)
			notFound.Detail = detail
			errs = append(errs, notFound)
		}
	}
	return errs
}

// claimText is how a claim is printed when it is wrong.
type claimText struct {
	Name                      string
	ResourceClaimName         *string
	ResourceClaimTemplateName *string
}

// ValidateClaims checks the claims of a pod whose specification is at path, and returns their names.
func ValidateClaims(declared []corev1.PodResourceClaim, path *field.Path) (claims sets.Set[string], errs field.ErrorList) {
	if len(declared) == 0 {
		return nil, nil
	}
	path = path.Child("resourceClaims")
	claims = sets.New[string]()
	for i, claim := range declared {
		at := path.Index(i)
		if claim.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else if claims.Has(claim.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), claim.Name))
		} else {
			errs = append(errs, check.Messages(at.Child("name"), claim.Name, validation.IsDNS1123Label(claim.Name))...)
			claims.Insert(claim.Name)
		}
		switch {
		case claim.ResourceClaimName != nil && claim.ResourceClaimTemplateName != nil:
			errs = append(errs, field.Invalid(at, claimText(claim), "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
		case claim.ResourceClaimName == nil && claim.ResourceClaimTemplateName == nil:
			errs = append(errs, field.Invalid(at, claimText(claim), "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
		case claim.ResourceClaimName != nil:
			errs = append(errs, check.Subdomain(at.Child("resourceClaimName"), *claim.ResourceClaimName)...)
		default:
			errs = append(errs, check.Subdomain(at.Child("resourceClaimTemplateName"), *claim.ResourceClaimTemplateName)...)
		}
	}
	return claims, errs
}

// ValidatePod checks what the pod as a whole asks for. The path is that of the specification.
func ValidatePod(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	r := spec.Resources
	if r == nil {
		return nil
	}
	path = path.Child("resources")
	var errs field.ErrorList
	for _, name := range names(r.Limits) {
		errs = append(errs, validatePodResource(name, r.Limits[name], path.Child("limits").Key(string(name)))...)
	}
	for _, name := range names(r.Requests) {
		quantity := r.Requests[name]
		errs = append(errs, validatePodResource(name, quantity, path.Child("requests").Key(string(name)))...)
		errs = append(errs, validateRequest(name, quantity, r.Limits, path)...)
	}
	errs = append(errs, validateTogether(spec, path)...)
	asked := sets.KeySet(r.Limits).Union(sets.KeySet(r.Requests))
	if slices.ContainsFunc(asked.UnsortedList(), IsHugePages) && !asked.HasAny(corev1.ResourceCPU, corev1.ResourceMemory) {
		errs = append(errs, field.Forbidden(path, "HugePages require cpu or memory"))
	}
	if len(r.Claims) > 0 {
		errs = append(errs, field.Forbidden(path.Child("claims"), "claims may not be set for Resources at pod-level"))
	}
	claims := sets.New[string]()
	for i := range spec.ResourceClaims {
		claims.Insert(spec.ResourceClaims[i].Name)
	}
	return append(errs, validateClaimRefs(r.Claims, claims, path.Child("claims"))...)
}

// validateTogether checks the resources of the pod as a whole against those of its containers.
func validateTogether(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	r, pod := spec.Resources, &corev1.Pod{Spec: *spec}
	containers := helpers.PodResourcesOptions{SkipPodLevelResources: true, ExcludeOverhead: true}
	requests, limits := helpers.PodRequests(pod, containers), helpers.PodLimits(pod, containers)
	var errs field.ErrorList
	for _, name := range names(r.Requests) {
		have := r.Requests[name]
		if want, asked := requests[name]; asked && want.Cmp(have) > 0 {
			errs = append(errs, field.Invalid(path.Child("requests").Key(string(name)), have.String(), "must be greater than or equal to aggregate container requests of "+want.String()))
		}
	}
	for _, name := range names(r.Limits) {
		have, want := r.Limits[name], limits[name]
		if IsHugePages(name) && want.Cmp(have) > 0 {
			errs = append(errs, field.Invalid(path.Child("limits").Key(string(name)), have.String(), "must be greater than or equal to aggregate container limits of "+want.String()))
		}
	}
	for i := range spec.Containers {
		own := spec.Containers[i].Resources.Limits
		for _, name := range names(own) {
			limit, limited := r.Limits[name]
			if quantity := own[name]; limited && quantity.Cmp(limit) > 0 {
				at := path.Child("containers").Index(i).Key(string(name)).Child("limits")
				errs = append(errs, field.Invalid(at, quantity.String(), "must be less than or equal to pod limits of "+limit.String()))
			}
		}
	}
	return errs
}

func validatePodResource(name corev1.ResourceName, quantity apiresource.Quantity, path *field.Path) field.ErrorList {
	if !podLevel(name) {
		return field.ErrorList{field.NotSupported(path, string(name), []string{"cpu", corev1.ResourceHugePagesPrefix, "memory"})}
	}
	return append(ValidateQuantity(name, quantity, path), validateHugePages(name, quantity, path)...)
}
