package dra

import (
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/placement"
)

// What one claim or class may hold.
const (
	maxRequests      = 32
	maxConstraints   = 32
	maxConfigs       = 32
	maxSelectors     = 32
	maxSubrequests   = 8
	maxTolerations   = 16
	maxDriverName    = 63
	maxParameterSize = 10 * 1024
)

func validateDeviceClass(c *resourcev1.DeviceClass) field.ErrorList {
	return validateClass(c)
}

// validateClass checks a class; selectors that it had before are known.
func validateClass(c *resourcev1.DeviceClass, known ...resourcev1.DeviceSelector) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateSelectors(c.Spec.Selectors, path.Child("selectors"), known...)
	errs = append(errs, validateList(c.Spec.Config, maxConfigs, path.Child("config"), func(config *resourcev1.DeviceClassConfiguration, at *field.Path) field.ErrorList {
		return validateConfiguration(&config.DeviceConfiguration, at)
	})...)
	if name := c.Spec.ExtendedResourceName; name != nil && !isExtended(*name) {
		errs = append(errs, field.Invalid(path.Child("extendedResourceName"), *name, "must be a valid extended resource name"))
	}
	return errs
}

func validateDeviceClassUpdate(c, old *resourcev1.DeviceClass) field.ErrorList {
	return validateClass(c, old.Spec.Selectors...)
}

// isExtended says whether a name is that of a resource outside of Kubernetes' own.
func isExtended(name string) bool {
	return strings.Contains(name, "/") && !strings.HasPrefix(name, "requests.") && !strings.Contains(name, "kubernetes.io/") &&
		len(validation.IsQualifiedName("requests."+name)) == 0
}

func validateConfiguration(c *resourcev1.DeviceConfiguration, path *field.Path) field.ErrorList {
	at := path.Child("opaque")
	if c.Opaque == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	errs := validateDriver(c.Opaque.Driver, at.Child("driver"))
	switch raw := c.Opaque.Parameters.Raw; {
	case len(raw) == 0 || string(raw) == "null":
		errs = append(errs, field.Required(at.Child("parameters"), ""))
	case len(raw) > maxParameterSize:
		errs = append(errs, field.TooLong(at.Child("parameters"), "", maxParameterSize))
	case !strings.HasPrefix(string(raw), "{"):
		errs = append(errs, field.Invalid(at.Child("parameters"), "<value omitted>", "must be a valid JSON object"))
	}
	return errs
}

func validateDriver(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > maxDriverName {
		errs = append(errs, field.TooLong(path, name, maxDriverName))
	}
	return append(errs, check.Messages(path, name, validation.IsDNS1123Subdomain(strings.ToLower(name)))...)
}

func validateResourceClaim(c *resourcev1.ResourceClaim) field.ErrorList {
	return validateClaimSpec(&c.Spec, field.NewPath("spec"))
}

func validateResourceClaimUpdate(c, old *resourcev1.ResourceClaim) field.ErrorList {
	if equality.Semantic.DeepEqual(c.Spec, old.Spec) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("spec"), check.GoNames(c.Spec), "field is immutable")}
}

func validateResourceClaimTemplate(t *resourcev1.ResourceClaimTemplate) field.ErrorList {
	path := field.NewPath("spec")
	errs := metav1validation.ValidateLabels(t.Spec.Labels, path.Child("metadata", "labels"))
	return append(errs, validateClaimSpec(&t.Spec.Spec, path.Child("spec"))...)
}

// templateText is how a template that changed is printed.
type templateText struct{ Spec resourcev1.ResourceClaimSpec }

func validateResourceClaimTemplateUpdate(t, old *resourcev1.ResourceClaimTemplate) field.ErrorList {
	errs := validateResourceClaimTemplate(t)
	if !equality.Semantic.DeepEqual(t.Spec, old.Spec) {
		errs = append(errs, field.Invalid(field.NewPath("spec"), check.GoNames(templateText{t.Spec.Spec}), "field is immutable"))
	}
	return errs
}

func validateClaimSpec(spec *resourcev1.ResourceClaimSpec, path *field.Path) field.ErrorList {
	devices, path := &spec.Devices, path.Child("devices")
	names := requestNames(devices.Requests)
	errs := validateNamed(devices.Requests, maxRequests, path.Child("requests"), func(r *resourcev1.DeviceRequest) string { return r.Name }, validateRequest)
	errs = append(errs, validateList(devices.Constraints, maxConstraints, path.Child("constraints"), func(c *resourcev1.DeviceConstraint, at *field.Path) field.ErrorList {
		return validateConstraint(c, names, at)
	})...)
	return append(errs, validateList(devices.Config, maxConfigs, path.Child("config"), func(c *resourcev1.DeviceClaimConfiguration, at *field.Path) field.ErrorList {
		return append(validateRequestRefs(c.Requests, names, at.Child("requests")), validateConfiguration(&c.DeviceConfiguration, at)...)
	})...)
}

// requestNames are the names by which requests, and those inside of them, can be meant.
func requestNames(requests []resourcev1.DeviceRequest) sets.Set[string] {
	names := sets.New[string]()
	for i := range requests {
		names.Insert(requests[i].Name)
		for j := range requests[i].FirstAvailable {
			names.Insert(requests[i].Name + "/" + requests[i].FirstAvailable[j].Name)
		}
	}
	return names
}

func validateRequest(r *resourcev1.DeviceRequest, path *field.Path) field.ErrorList {
	errs := check.Label(path.Child("name"), r.Name)
	switch {
	case r.Exactly == nil && len(r.FirstAvailable) == 0:
		return append(errs, field.Required(path, "exactly one of `exactly` or `firstAvailable` is required"))
	case r.Exactly != nil && len(r.FirstAvailable) > 0:
		return append(errs, field.Invalid(path, nil, "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"))
	case r.Exactly != nil:
		e := r.Exactly
		return append(errs, (&want{e.DeviceClassName, e.Selectors, e.AllocationMode, e.Count, e.Tolerations}).validate(path.Child("exactly"))...)
	}
	return append(errs, validateNamed(r.FirstAvailable, maxSubrequests, path.Child("firstAvailable"), func(s *resourcev1.DeviceSubRequest) string { return s.Name }, validateSubrequest)...)
}

func validateSubrequest(s *resourcev1.DeviceSubRequest, path *field.Path) field.ErrorList {
	errs := check.Label(path.Child("name"), s.Name)
	return append(errs, (&want{s.DeviceClassName, s.Selectors, s.AllocationMode, s.Count, s.Tolerations}).validate(path)...)
}

// want is what requests and those inside of them have in common.
type want struct {
	class       string
	selectors   []resourcev1.DeviceSelector
	mode        resourcev1.DeviceAllocationMode
	count       int64
	tolerations []resourcev1.DeviceToleration
}

func (w *want) validate(path *field.Path) field.ErrorList {
	errs := check.RequiredSubdomain(path.Child("deviceClassName"), w.class)
	errs = append(errs, validateSelectors(w.selectors, path.Child("selectors"))...)
	switch w.mode {
	case resourcev1.DeviceAllocationModeAll:
		if w.count != 0 {
			errs = append(errs, field.Invalid(path.Child("count"), w.count, "must not be specified when allocationMode is 'All'"))
		}
	case resourcev1.DeviceAllocationModeExactCount:
		if w.count <= 0 {
			errs = append(errs, field.Invalid(path.Child("count"), w.count, "must be greater than zero"))
		}
	default:
		errs = append(errs, check.OneOf(path.Child("allocationMode"), w.mode, resourcev1.DeviceAllocationModeAll, resourcev1.DeviceAllocationModeExactCount)...)
	}
	return append(errs, validateList(w.tolerations, maxTolerations, path.Child("tolerations"), validateToleration)...)
}

func validateToleration(t *resourcev1.DeviceToleration, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if t.Key != "" {
		errs = append(errs, check.LabelKey(path.Child("key"), t.Key)...)
	}
	switch t.Operator {
	case resourcev1.DeviceTolerationOpEqual:
		errs = append(errs, check.Messages(path.Child("value"), t.Value, validation.IsValidLabelValue(t.Value))...)
	case resourcev1.DeviceTolerationOpExists:
		if t.Value != "" {
			errs = append(errs, field.Invalid(path.Child("value"), t.Value, "must be empty for operator `Exists`"))
		}
	default:
		errs = append(errs, check.RequiredOneOf(path.Child("operator"), t.Operator, resourcev1.DeviceTolerationOpEqual, resourcev1.DeviceTolerationOpExists)...)
	}
	if t.Effect != "" {
		errs = append(errs, check.OneOf(path.Child("effect"), t.Effect, taintEffects()...)...)
	}
	return errs
}

func taintEffects() []resourcev1.DeviceTaintEffect {
	return []resourcev1.DeviceTaintEffect{resourcev1.DeviceTaintEffectNoExecute, resourcev1.DeviceTaintEffectNoSchedule, resourcev1.DeviceTaintEffectNone}
}

func validateConstraint(c *resourcev1.DeviceConstraint, names sets.Set[string], path *field.Path) field.ErrorList {
	errs := validateRequestRefs(c.Requests, names, path.Child("requests"))
	if (c.MatchAttribute == nil) == (c.DistinctAttribute == nil) {
		return append(errs, field.Required(path, `exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set`))
	}
	if c.MatchAttribute != nil {
		return append(errs, validateFullName(string(*c.MatchAttribute), path.Child("matchAttribute"))...)
	}
	return append(errs, validateFullName(string(*c.DistinctAttribute), path.Child("distinctAttribute"))...)
}

func validateRequestRefs(requests []string, names sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, name := range requests {
		if seen.Has(name) {
			errs = append(errs, field.Duplicate(path.Index(i), name))
			continue
		}
		seen.Insert(name)
		errs = append(errs, validateRequestRef(name, names, path.Index(i))...)
	}
	return errs
}

func validateRequestRef(name string, names sets.Set[string], path *field.Path) field.ErrorList {
	if names.Has(name) {
		return nil
	}
	errs := field.ErrorList{}
	for _, part := range strings.SplitN(name, "/", 2) {
		errs = append(errs, check.Label(path, part)...)
	}
	return append(errs, field.Invalid(path, name, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"))
}

// validateSelectorOfNodes checks that a slice is about one kind of nodes.
func validateSelectorOfNodes(s *resourcev1.ResourceSliceSpec, path *field.Path) field.ErrorList {
	terms := path.Child("nodeSelectorTerms")
	errs := placement.ValidateNodeSelector(s.NodeSelector, path)
	if len(s.NodeSelector.NodeSelectorTerms) != 1 {
		errs = append(errs, field.Invalid(terms, check.GoNames(s.NodeSelector.NodeSelectorTerms), "must have exactly one node selector term"))
	}
	return errs
}
