package dra

import (
	"regexp"
	"strings"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// What one slice and its names may hold.
const (
	maxDevices       = 128
	maxAttributes    = 32
	maxAttributeText = 64
	maxDomain        = 63
	maxIdentifier    = 32
	maxPoolName      = 253
)

func validateResourceSlice(s *resourcev1.ResourceSlice) field.ErrorList {
	return validateWholeSlice(s, nil)
}

func validateResourceSliceUpdate(s, old *resourcev1.ResourceSlice) field.ErrorList {
	return validateWholeSlice(s, &old.Spec)
}

// validateWholeSlice checks a slice that was old, or nil, before.
func validateWholeSlice(s *resourcev1.ResourceSlice, old *resourcev1.ResourceSliceSpec) field.ErrorList {
	spec, path := &s.Spec, field.NewPath("spec")
	errs := validateDriver(spec.Driver, path.Child("driver"))
	errs = append(errs, validatePool(&spec.Pool, path.Child("pool"))...)
	if old != nil {
		errs = append(errs, check.Immutable(path.Child("pool", "name"), spec.Pool.Name, old.Pool.Name)...)
		errs = append(errs, check.Immutable(path.Child("driver"), spec.Driver, old.Driver)...)
		errs = append(errs, check.Immutable(path.Child("nodeName"), spec.NodeName, old.NodeName)...)
	}
	errs = append(errs, validateNodes(spec, path)...)
	return append(errs, validateNamed(spec.Devices, maxDevices, path.Child("devices"), func(d *resourcev1.Device) string { return d.Name }, validateDevice)...)
}

func validatePool(p *resourcev1.ResourcePool, path *field.Path) field.ErrorList {
	errs := validatePoolName(p.Name, path.Child("name"))
	if p.ResourceSliceCount <= 0 {
		errs = append(errs, field.Invalid(path.Child("resourceSliceCount"), p.ResourceSliceCount, "must be greater than zero"))
	}
	if p.Generation < 0 {
		errs = append(errs, field.Invalid(path.Child("generation"), p.Generation, "must be greater than or equal to zero"))
	}
	return errs
}

func validatePoolName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > maxPoolName {
		errs = append(errs, field.TooLong(path, name, maxPoolName))
	}
	for _, part := range strings.Split(name, "/") {
		errs = append(errs, check.Subdomain(path, part)...)
	}
	return errs
}

// validateNodes checks that there is one answer to where the devices of a slice can be reached.
func validateNodes(spec *resourcev1.ResourceSliceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	var given []string
	if spec.NodeName != nil {
		if *spec.NodeName != "" {
			given = append(given, "`nodeName`")
		}
		errs = append(errs, validateNodeName(*spec.NodeName, path.Child("nodeName"))...)
	}
	if spec.NodeSelector != nil {
		given = append(given, "`nodeSelector`")
		errs = append(errs, validateSelectorOfNodes(spec, path.Child("nodeSelector"))...)
	}
	for _, flag := range []struct {
		name  string
		value *bool
	}{{"allNodes", spec.AllNodes}, {"perDeviceNodeSelection", spec.PerDeviceNodeSelection}} {
		if ptr.Deref(flag.value, false) {
			given = append(given, "`"+flag.name+"`")
		} else if flag.value != nil {
			errs = append(errs, field.Invalid(path.Child(flag.name), false, "must be either unset or set to true"))
		}
	}
	const one = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required"
	switch {
	case len(given) == 0:
		errs = append(errs, field.Required(path, one))
	case len(given) > 1:
		errs = append(errs, field.Invalid(path, "{"+strings.Join(given, ", ")+"}", one+", but multiple fields are set"))
	}
	return errs
}

func validateNodeName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Invalid(path, name, "must be either unset or set to a non-empty string")}
	}
	return check.Subdomain(path, name)
}

func validateDevice(d *resourcev1.Device, path *field.Path) field.ErrorList {
	errs := check.Label(path.Child("name"), d.Name)
	if n := len(d.Attributes) + len(d.Capacity); n > maxAttributes {
		errs = append(errs, field.Invalid(path, n, "the total number of attributes and capacities must not exceed 32"))
	}
	errs = append(errs, check.Entries(d.Attributes, func(name resourcev1.QualifiedName, attribute resourcev1.DeviceAttribute) field.ErrorList {
		at := path.Child("attributes")
		return append(validateName(string(name), at), validateAttribute(&attribute, at.Key(string(name)))...)
	})...)
	errs = append(errs, check.Entries(d.Capacity, func(name resourcev1.QualifiedName, _ resourcev1.DeviceCapacity) field.ErrorList {
		return validateName(string(name), path.Child("capacity"))
	})...)
	for i := range d.Taints {
		taint, at := &d.Taints[i], path.Child("taints").Index(i)
		errs = append(errs, check.LabelKey(at.Child("key"), taint.Key)...)
		if taint.Value != "" {
			errs = append(errs, check.Messages(at.Child("value"), taint.Value, validation.IsValidLabelValue(taint.Value))...)
		}
		errs = append(errs, check.RequiredOneOf(at.Child("effect"), taint.Effect, taintEffects()...)...)
	}
	return errs
}

// validateName checks a name that may have a domain before it.
func validateName(name string, path *field.Path) field.ErrorList {
	switch parts := strings.Split(name, "/"); len(parts) {
	case 1:
		return validateIdentifier(parts[0], path)
	case 2:
		var errs field.ErrorList
		if parts[0] == "" {
			errs = append(errs, field.Invalid(path, "", "the domain must not be empty"))
		} else {
			if len(parts[0]) > maxDomain {
				errs = append(errs, field.TooLong(path, parts[0], maxDomain))
			}
			errs = append(errs, check.Subdomain(path, parts[0])...)
		}
		if parts[1] == "" {
			return append(errs, field.Invalid(path, "", "the name must not be empty"))
		}
		return append(errs, validateIdentifier(parts[1], path)...)
	}
	return nil
}

func validateFullName(name string, path *field.Path) field.ErrorList {
	errs := validateName(name, path)
	if !strings.Contains(name, "/") {
		errs = append(errs, field.Invalid(path, name, "a fully qualified name must be a domain and a name separated by a slash"))
	}
	return errs
}

func validateIdentifier(name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(name) > maxIdentifier {
		errs = append(errs, field.TooLong(path, name, maxIdentifier))
	}
	return append(errs, check.Messages(path, name, validation.IsCIdentifier(name))...)
}

func validateAttribute(a *resourcev1.DeviceAttribute, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	given := 0
	for _, present := range []bool{a.IntValue != nil, a.BoolValue != nil, a.StringValue != nil, a.VersionValue != nil} {
		if present {
			given++
		}
	}
	if text := a.StringValue; text != nil && len(*text) > maxAttributeText {
		errs = append(errs, field.TooLong(path.Child("string"), *text, maxAttributeText))
	}
	if text := a.VersionValue; text != nil {
		if !isSemver(*text) {
			errs = append(errs, field.Invalid(path.Child("version"), *text, "must be a string compatible with semver.org spec 2.0.0"))
		}
		if len(*text) > maxAttributeText {
			errs = append(errs, field.TooLong(path.Child("version"), *text, maxAttributeText))
		}
	}
	switch {
	case given == 0:
		errs = append(errs, field.Invalid(path, "", "exactly one value must be specified"))
	case given > 1:
		errs = append(errs, field.Invalid(path, check.GoNames(*a), "exactly one value must be specified"))
	}
	return errs
}

// isSemver follows the grammar of semver.org, version 2.0.0.
func isSemver(text string) bool {
	const (
		number     = `(0|[1-9]\d*)`
		prerelease = `(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)`
		build      = `[0-9a-zA-Z-]+`
	)
	ok, err := regexp.MatchString(`^`+number+`\.`+number+`\.`+number+`(-`+prerelease+`(\.`+prerelease+`)*)?(\+`+build+`(\.`+build+`)*)?$`, text)
	return err == nil && ok
}
