package containers

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/downward"
)

const moreThanOne = "may not have more than one field specified at a time"

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
		errs = append(errs, downward.ValidateField(from.FieldRef, downward.EnvFields(), path.Child("fieldRef"))...)
	}
	if from.ResourceFieldRef != nil {
		sources++
		errs = append(errs, downward.ValidateResource(from.ResourceFieldRef, false, path.Child("resourceFieldRef"))...)
	}
	if ref := from.ConfigMapKeyRef; ref != nil {
		sources++
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("configMapKeyRef"))...)
	}
	if ref := from.SecretKeyRef; ref != nil {
		sources++
		errs = append(errs, validateKeyRef(ref.Name, ref.Key, path.Child("secretKeyRef"))...)
	}
	if ref := from.FileKeyRef; ref != nil {
		sources++
		errs = append(errs, validateFileKeyRef(ref, path.Child("fileKeyRef"))...)
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

// validateFileKeyRef checks a variable from a file of a volume.
func validateFileKeyRef(ref *corev1.FileKeySelector, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if ref.Key == "" {
		errs = append(errs, field.Required(path.Child("key"), ""))
	} else {
		errs = append(errs, check.Messages(path.Child("key"), ref.Key, validation.IsRelaxedEnvVarName(ref.Key))...)
	}
	if ref.VolumeName == "" {
		errs = append(errs, field.Required(path.Child("volumeName"), ""))
	} else {
		errs = append(errs, check.Label(path.Child("volumeName"), ref.VolumeName)...)
	}
	if ref.Path == "" {
		return append(errs, field.Required(path.Child("path"), ""))
	}
	return append(errs, check.NoBackSteps(path.Child("path"), ref.Path)...)
}

// ValidateFiles checks that variables from files are from files that containers of the pod can write. path is that of its specification.
func (c *Pod) ValidateFiles(path *field.Path) field.ErrorList {
	var errs field.ErrorList
	check := func(env []corev1.EnvVar, list string, container int) {
		for i := range env {
			if from := env[i].ValueFrom; from != nil && from.FileKeyRef != nil {
				at := path.Child(list).Index(container).Child("env").Index(i)
				errs = append(errs, c.validateFileVolume(from.FileKeyRef.VolumeName, at.Child("valueFrom", "fileKeyRef", "volumeName"))...)
			}
		}
	}
	for i := range c.Spec.InitContainers {
		check(c.Spec.InitContainers[i].Env, "initContainers", i)
	}
	for i := range c.Spec.Containers {
		check(c.Spec.Containers[i].Env, "containers", i)
	}
	for i := range c.Spec.EphemeralContainers {
		check(c.Spec.EphemeralContainers[i].Env, "ephemeralContainers", i)
	}
	return errs
}

func (c *Pod) validateFileVolume(name string, path *field.Path) field.ErrorList {
	i := slices.IndexFunc(c.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == name })
	switch {
	case i < 0:
		return field.ErrorList{field.NotFound(path, name)}
	case c.Spec.Volumes[i].EmptyDir == nil:
		return field.ErrorList{field.Invalid(path, name, "referenced volume must be of type emptyDir")}
	}
	return nil
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
