package downward

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// EnvFields are the fields of a pod that a variable can have.
func EnvFields() []string {
	return []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
}

func envResources() []string {
	return []string{"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"}
}

// ValidateField checks a reference to a field of the pod, of which only some can be read.
func ValidateField(ref *corev1.ObjectFieldSelector, known []string, path *field.Path) field.ErrorList {
	if ref.APIVersion == "" {
		return field.ErrorList{field.Required(path.Child("apiVersion"), "")}
	}
	if ref.APIVersion == "v1" && slices.Contains(known, ref.FieldPath) && downwardField(ref.FieldPath) {
		return nil
	}
	at := path.Child("fieldPath")
	if ref.FieldPath == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	if ref.APIVersion != "v1" {
		return field.ErrorList{field.Invalid(at, ref.FieldPath, "error converting fieldPath: unsupported pod version: "+ref.APIVersion)}
	}
	name, subscript, subscripted := splitSubscript(ref.FieldPath)
	if subscripted {
		switch name {
		case "metadata.annotations":
			return check.Messages(path, subscript, validation.IsQualifiedName(strings.ToLower(subscript)))
		case "metadata.labels":
			return check.Messages(path, subscript, validation.IsQualifiedName(subscript))
		}
		return field.ErrorList{field.Invalid(path, name, "does not support subscript")}
	}
	if !downwardField(ref.FieldPath) {
		return field.ErrorList{field.Invalid(at, ref.FieldPath, "error converting fieldPath: field label not supported: "+ref.FieldPath)}
	}
	if !slices.Contains(known, ref.FieldPath) {
		return field.ErrorList{field.NotSupported(at, ref.FieldPath, known)}
	}
	return nil
}

// downwardField says whether a field of a pod can be read from within at all.
func downwardField(name string) bool {
	return slices.Contains(EnvFields(), name) || slices.Contains([]string{"metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "spec.hostname", "status.phase"}, name)
}

// splitSubscript splits "metadata.labels['a']" into its field and its key.
func splitSubscript(path string) (name, key string, ok bool) {
	if !strings.HasSuffix(path, "']") {
		return path, "", false
	}
	name, key, ok = strings.Cut(strings.TrimSuffix(path, "']"), "['")
	if !ok || name == "" {
		return path, "", false
	}
	return name, key, true
}

// ValidateResource checks a reference to what a container asks for.
func ValidateResource(ref *corev1.ResourceFieldSelector, inVolume bool, path *field.Path) field.ErrorList {
	if inVolume && ref.ContainerName == "" {
		return field.ErrorList{field.Required(path.Child("containerName"), "")}
	}
	if ref.Resource == "" {
		return field.ErrorList{field.Required(path.Child("resource"), "")}
	}
	kind := strings.TrimPrefix(strings.TrimPrefix(ref.Resource, "limits."), "requests.")
	if !slices.Contains(envResources(), ref.Resource) && !(kind != ref.Resource && resources.IsHugePages(corev1.ResourceName(kind))) {
		return field.ErrorList{field.NotSupported(path.Child("resource"), ref.Resource, envResources())}
	}
	return validateDivisor(ref, kind, path.Child("divisor"))
}

func validateDivisor(ref *corev1.ResourceFieldSelector, kind string, path *field.Path) field.ErrorList {
	allowed, text := []string{"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"}, kind
	switch {
	case kind == "cpu":
		allowed = []string{"1m", "1"}
	case strings.HasPrefix(kind, corev1.ResourceHugePagesPrefix):
		text = "hugepages"
	case kind == "ephemeral-storage":
		text = "local ephemeral storage"
	}
	if ref.Divisor.IsZero() {
		return nil
	}
	for _, value := range allowed {
		if ref.Divisor.Cmp(apiresource.MustParse(value)) == 0 {
			return nil
		}
	}
	list := strings.Join(allowed, ", ")
	if kind == "cpu" {
		list = "1m and 1"
	}
	return field.ErrorList{field.Invalid(path, ref.Resource, fmt.Sprintf("only divisor's values %s are supported with the %s resource", list, text))}
}

// DefaultField completes a reference to a field.
func DefaultField(ref *corev1.ObjectFieldSelector) {
	if ref != nil {
		resource.SetZero(&ref.APIVersion, "v1")
	}
}
