package podspec

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const moreThanOne = "may not have more than one field specified at a time"

func envFields() []string {
	return []string{
		"metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
		"status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
	}
}

func envResources() []string {
	return []string{"limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"}
}

func validateEnv(env []corev1.EnvVar, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range env {
		at := path.Index(i)
		if env[i].Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		} else {
			errs = append(errs, check.Messages(at.Child("name"), env[i].Name, validation.IsRelaxedEnvVarName(env[i].Name))...)
		}
		errs = append(errs, validateEnvSource(&env[i], at.Child("valueFrom"))...)
	}
	return errs
}

func validateEnvSource(env *corev1.EnvVar, path *field.Path) field.ErrorList {
	from := env.ValueFrom
	if from == nil {
		return nil
	}
	var errs field.ErrorList
	sources := 0
	if from.FieldRef != nil {
		sources++
		errs = append(errs, validateFieldRef(from.FieldRef, envFields(), path.Child("fieldRef"))...)
	}
	if from.ResourceFieldRef != nil {
		sources++
		errs = append(errs, validateResourceFieldRef(from.ResourceFieldRef, false, path.Child("resourceFieldRef"))...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		sources++
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("configMapKeyRef"))...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		sources++
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("secretKeyRef"))...)
	}
	if from.FileKeyRef != nil {
		sources++
	}
	switch {
	case sources == 0:
		errs = append(errs, field.Invalid(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"))
	case env.Value != "":
		errs = append(errs, field.Invalid(path, "", "may not be specified when `value` is not empty"))
	case sources > 1:
		errs = append(errs, field.Invalid(path, "", moreThanOne))
	}
	return errs
}

func validateKeyRef(name, key string, path *field.Path) field.ErrorList {
	errs := check.Subdomain(path.Child("name"), name)
	return append(errs, check.Key(path.Child("key"), key)...)
}

// validateFieldRef checks a reference to a field of the pod, of which only some can be read.
func validateFieldRef(ref *corev1.ObjectFieldSelector, known []string, path *field.Path) field.ErrorList {
	at := path.Child("fieldPath")
	if ref.APIVersion == "" {
		return field.ErrorList{field.Required(path.Child("apiVersion"), "")}
	}
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
	if !hasName(known, ref.FieldPath) {
		return field.ErrorList{field.NotSupported(at, ref.FieldPath, known)}
	}
	return nil
}

// downwardField says whether a field of a pod can be read from within at all.
func downwardField(name string) bool {
	return hasName(envFields(), name) || hasName([]string{"metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "spec.hostname", "status.phase"}, name)
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

func validateResourceFieldRef(ref *corev1.ResourceFieldSelector, inVolume bool, path *field.Path) field.ErrorList {
	if inVolume && ref.ContainerName == "" {
		return field.ErrorList{field.Required(path.Child("containerName"), "")}
	}
	if ref.Resource == "" {
		return field.ErrorList{field.Required(path.Child("resource"), "")}
	}
	kind := strings.TrimPrefix(strings.TrimPrefix(ref.Resource, "limits."), "requests.")
	if !hasName(envResources(), ref.Resource) && !(kind != ref.Resource && IsHugePages(corev1.ResourceName(kind))) {
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
		if ref.Divisor.Cmp(resource.MustParse(value)) == 0 {
			return nil
		}
	}
	list := strings.Join(allowed, ", ")
	if kind == "cpu" {
		list = "1m and 1"
	}
	return field.ErrorList{field.Invalid(path, ref.Resource, fmt.Sprintf("only divisor's values %s are supported with the %s resource", list, text))}
}

func validateEnvFrom(sources []corev1.EnvFromSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range sources {
		source, at := &sources[i], path.Index(i)
		if source.Prefix != "" {
			errs = append(errs, check.Messages(at.Child("prefix"), source.Prefix, validation.IsRelaxedEnvVarName(source.Prefix))...)
		}
		count := 0
		if ref := source.ConfigMapRef; ref != nil {
			count++
			errs = append(errs, check.RequiredSubdomain(at.Child("configMapRef", "name"), ref.Name)...)
		}
		if ref := source.SecretRef; ref != nil {
			count++
			errs = append(errs, check.RequiredSubdomain(at.Child("secretRef", "name"), ref.Name)...)
		}
		switch {
		case count == 0:
			errs = append(errs, field.Invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
		case count > 1:
			errs = append(errs, field.Invalid(path, "", moreThanOne))
		}
	}
	return errs
}
