package check

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Messages makes an error of each message.
func Messages(path *field.Path, value any, messages []string) field.ErrorList {
	var errs field.ErrorList
	for _, message := range messages {
		errs = append(errs, field.Invalid(path, value, message))
	}
	return errs
}

// Label checks a name without dots.
func Label(path *field.Path, name string) field.ErrorList {
	return Messages(path, name, LabelFaults(name))
}

// LabelFaults say why a name is not one without dots.
func LabelFaults(name string) []string {
	if isPlainLabel(name) {
		return nil
	}
	return validation.IsDNS1123Label(name)
}

// Subdomain checks a name that may have dots.
func Subdomain(path *field.Path, name string) field.ErrorList {
	return Messages(path, name, SubdomainFaults(name))
}

// SubdomainFaults say why a name is not one that may have dots.
func SubdomainFaults(name string) []string {
	if isPlainSubdomain(name) {
		return nil
	}
	return validation.IsDNS1123Subdomain(name)
}

// RequiredSubdomain checks a name that must be there.
func RequiredSubdomain(path *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return Subdomain(path, name)
}

// QualifiedName checks a name with an optional prefix, as labels have.
func QualifiedName(path *field.Path, name string) field.ErrorList {
	if isPlainQualifiedName(name) {
		return nil
	}
	return Messages(path, name, validation.IsQualifiedName(name))
}

// LabelKey checks the key of a label or a taint.
func LabelKey(path *field.Path, key string) field.ErrorList {
	if isPlainQualifiedName(key) {
		return nil
	}
	return metav1validation.ValidateLabelName(key, path)
}

// ChildLabelKey is LabelKey for a field of what path leads to.
func ChildLabelKey(path *field.Path, name, key string) field.ErrorList {
	if isPlainQualifiedName(key) {
		return nil
	}
	return LabelKey(path.Child(name), key)
}

// Port checks a port number.
func Port[T ~int32 | ~int | ~int64](path *field.Path, port T) field.ErrorList {
	return Messages(path, port, validation.IsValidPortNum(int(port)))
}

// PortOrName checks a port that may be given by its name.
func PortOrName(path *field.Path, port intstr.IntOrString) field.ErrorList {
	if port.Type == intstr.Int {
		return Messages(path, port.IntValue(), validation.IsValidPortNum(port.IntValue()))
	}
	return Messages(path, port.StrVal, validation.IsValidPortName(port.StrVal))
}

// NonNegative checks a count.
func NonNegative[T ~int32 | ~int | ~int64](path *field.Path, value T) field.ErrorList {
	return apivalidation.ValidateNonnegativeField(int64(value), path)
}

// OneOf checks a value against those that there are.
func OneOf[T ~string](path *field.Path, value T, known ...T) field.ErrorList {
	if slices.Contains(known, value) {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, value, known)}
}

// RequiredOneOf is OneOf for a value that must be there.
func RequiredOneOf[T ~string](path *field.Path, value T, known ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return OneOf(path, value, known...)
}

// ChildOneOf is OneOf for a field of what path leads to. Like those below it makes a path only where something is wrong with the field:
// the paths to all that was right were a seventh of what a new pod allocated.
func ChildOneOf[T ~string](path *field.Path, name string, value T, known ...T) field.ErrorList {
	if slices.Contains(known, value) {
		return nil
	}
	return OneOf(path.Child(name), value, known...)
}

// RequiredChildOneOf is RequiredOneOf for a field of what path leads to.
func RequiredChildOneOf[T ~string](path *field.Path, name string, value T, known ...T) field.ErrorList {
	if value != "" && slices.Contains(known, value) {
		return nil
	}
	return RequiredOneOf(path.Child(name), value, known...)
}

// ChildMessages is Messages for a field of what path leads to.
func ChildMessages(path *field.Path, name string, value any, messages []string) field.ErrorList {
	if len(messages) == 0 {
		return nil
	}
	return Messages(path.Child(name), value, messages)
}

// Selector checks a label selector.
func Selector(path *field.Path, selector *metav1.LabelSelector) field.ErrorList {
	return metav1validation.ValidateLabelSelector(selector, metav1validation.LabelSelectorValidationOptions{}, path)
}

// Labels checks a set of labels.
func Labels(path *field.Path, labels map[string]string) field.ErrorList {
	return metav1validation.ValidateLabels(labels, path)
}

// Immutable checks that a field did not change.
func Immutable(path *field.Path, value, old any) field.ErrorList {
	return apivalidation.ValidateImmutableField(value, old, path)
}

// LocalPath checks a path below another: relative, and never upwards.
func LocalPath(path *field.Path, value string) field.ErrorList {
	var errs field.ErrorList
	if strings.HasPrefix(value, "/") {
		errs = append(errs, field.Invalid(path, value, "must be a relative path"))
	}
	return append(errs, NoBackSteps(path, value)...)
}

// NoBackSteps checks that no part of a path leads upwards.
func NoBackSteps(path *field.Path, value string) field.ErrorList {
	if slices.Contains(strings.Split(value, "/"), "..") {
		return field.ErrorList{field.Invalid(path, value, "must not contain '..'")}
	}
	return nil
}

// FileName checks a path below another whose first part does not start with "..", which the kubelet keeps for itself.
func FileName(path *field.Path, value string) field.ErrorList {
	errs := LocalPath(path, value)
	if strings.HasPrefix(value, "..") && len(errs) == 0 {
		errs = append(errs, field.Invalid(path, value, "must not start with '..'"))
	}
	return errs
}

// FileMode checks the bits of a file, if they are given.
func FileMode(path *field.Path, mode *int32) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		return field.ErrorList{field.Invalid(path, *mode, "must be a number between 0 and 0777 (octal), both inclusive")}
	}
	return nil
}

// Finalizers checks that the finalizers of an object are Kubernetes' own or have a prefix.
func Finalizers(obj metav1.Object) field.ErrorList {
	var errs field.ErrorList
	for i, name := range obj.GetFinalizers() {
		errs = append(errs, FinalizerName(field.NewPath("metadata", "finalizers").Index(i), name)...)
	}
	return errs
}

// FinalizerName checks that a finalizer is one of Kubernetes' own or has a prefix.
func FinalizerName(path *field.Path, name string) field.ErrorList {
	switch name {
	case string(corev1.FinalizerKubernetes), metav1.FinalizerOrphanDependents, metav1.FinalizerDeleteDependents:
		return nil
	}
	if strings.Contains(name, "/") {
		return nil
	}
	return field.ErrorList{field.Invalid(path, name, "name is neither a standard finalizer name nor is it fully qualified")}
}

// Key checks a key of a ConfigMap or Secret that must be there.
func Key(path *field.Path, key string) field.ErrorList {
	if key == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return Messages(path, key, validation.IsConfigMapKey(key))
}
