package volumes

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/downward"
)

// pod is what a volume is to know of its pod.
type pod struct {
	spec *corev1.PodSpec
	meta *metav1.ObjectMeta
}

// Validate checks the volumes of a pod, and returns the sources of those with which nothing is wrong.
func Validate(spec *corev1.PodSpec, meta *metav1.ObjectMeta, path *field.Path) (good map[string]*corev1.VolumeSource, errs field.ErrorList) {
	p := pod{spec: spec, meta: meta}
	good = map[string]*corev1.VolumeSource{}
	seen := sets.New[string]()
	for i := range spec.Volumes {
		volume, at := &spec.Volumes[i], path.Index(i)
		bad := p.validateSource(volume, at)
		switch {
		case volume.Name == "":
			bad = append(bad, field.Required(at.Child("name"), ""))
		case seen.Has(volume.Name):
			bad = append(bad, field.Duplicate(at.Child("name"), volume.Name))
		default:
			bad = append(bad, check.ChildMessages(at, "name", volume.Name, check.LabelFaults(volume.Name))...)
		}
		if volume.Name != "" {
			seen.Insert(volume.Name)
		}
		if len(bad) == 0 {
			good[volume.Name] = &volume.VolumeSource
		}
		errs = append(errs, bad...)
	}
	return good, errs
}

// maxDriverName is how long the name of a driver may be.
const maxDriverName = 63

// ValidateDriverName checks which driver a volume is of.
func ValidateDriverName(name string, path *field.Path) field.ErrorList {
	errs := check.RequiredSubdomain(path, name)
	if len(name) > maxDriverName {
		errs = append(errs, field.TooLong(path, name, maxDriverName))
	}
	return errs
}

// ValidateImages: templates may leave it to others which image a volume has, pods may not. The path is that of the specification.
func ValidateImages(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range spec.Volumes {
		if image := spec.Volumes[i].Image; image != nil {
			errs = append(errs, required(path.Child("volumes").Index(i).Child("image", "reference"), image.Reference)...)
		}
	}
	return errs
}

// sourceCheck is one kind of volume: whether it is the one, and what is wrong with it.
type sourceCheck struct {
	name    string
	present bool
	check   func(*field.Path) field.ErrorList
}

func (p pod) validateSource(volume *corev1.Volume, path *field.Path) field.ErrorList {
	if p.spec.ServiceAccountName != "" && IsAPIAccess(&volume.VolumeSource) {
		return nil // as in nearly every pod
	}
	if v := &volume.VolumeSource; v.Projected != nil && *v == (corev1.VolumeSource{Projected: v.Projected}) {
		return p.validateProjected(v.Projected, path.Child("projected"))
	}
	var errs field.ErrorList
	count := 0
	for _, source := range append(p.objectSources(volume, path), storageSources(&volume.VolumeSource)...) {
		if !source.present {
			continue
		}
		count++
		if count > 1 {
			errs = append(errs, field.Forbidden(path.Child(source.name), "may not specify more than 1 volume type"))
			continue
		}
		errs = append(errs, source.check(path.Child(source.name))...)
	}
	if count == 0 {
		errs = append(errs, field.Required(path, "must specify a volume type"))
	}
	return errs
}

// objectSources are volumes made of API objects and of the node.
func (p pod) objectSources(volume *corev1.Volume, path *field.Path) []sourceCheck {
	v := &volume.VolumeSource
	return []sourceCheck{
		{"emptyDir", v.EmptyDir != nil, func(at *field.Path) field.ErrorList {
			if size := v.EmptyDir.SizeLimit; size != nil && size.Sign() < 0 {
				return field.ErrorList{field.Forbidden(at.Child("sizeLimit"), "SizeLimit field must be a valid resource quantity")}
			}
			return nil
		}},
		{"hostPath", v.HostPath != nil, func(at *field.Path) field.ErrorList { return ValidateHostPath(v.HostPath, at) }},
		{"gitRepo", v.GitRepo != nil, func(at *field.Path) field.ErrorList {
			errs := required(at.Child("repository"), v.GitRepo.Repository)
			return append(errs, check.LocalPath(at.Child("directory"), v.GitRepo.Directory)...)
		}},
		{"secret", v.Secret != nil, func(at *field.Path) field.ErrorList {
			errs := required(at.Child("secretName"), v.Secret.SecretName)
			errs = append(errs, check.FileMode(at.Child("defaultMode"), v.Secret.DefaultMode)...)
			return append(errs, validateItems(v.Secret.Items, at.Child("items"))...)
		}},
		{"configMap", v.ConfigMap != nil, func(at *field.Path) field.ErrorList {
			errs := required(at.Child("name"), v.ConfigMap.Name)
			errs = append(errs, check.FileMode(at.Child("defaultMode"), v.ConfigMap.DefaultMode)...)
			return append(errs, validateItems(v.ConfigMap.Items, at.Child("items"))...)
		}},
		{"downwardAPI", v.DownwardAPI != nil, func(at *field.Path) field.ErrorList {
			errs := check.FileMode(at.Child("defaultMode"), v.DownwardAPI.DefaultMode)
			return append(errs, validateDownward(v.DownwardAPI.Items, at)...)
		}},
		{"projected", v.Projected != nil, func(at *field.Path) field.ErrorList { return p.validateProjected(v.Projected, at) }},
		{"persistentVolumeClaim", v.PersistentVolumeClaim != nil, func(at *field.Path) field.ErrorList {
			return required(at.Child("claimName"), v.PersistentVolumeClaim.ClaimName)
		}},
		{"ephemeral", v.Ephemeral != nil, func(at *field.Path) field.ErrorList { return p.validateEphemeral(volume, path.Child("name"), at) }},
		{"csi", v.CSI != nil, func(at *field.Path) field.ErrorList {
			errs := ValidateDriverName(v.CSI.Driver, at.Child("driver"))
			if ref := v.CSI.NodePublishSecretRef; ref != nil && ref.Name == "" {
				errs = append(errs, field.Required(at.Child("nodePublishSecretRef", "name"), ""))
			}
			return errs
		}},
		{"image", v.Image != nil, func(at *field.Path) field.ErrorList {
			return check.RequiredOneOf(at.Child("pullPolicy"), v.Image.PullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
		}},
	}
}

// requiredChild is required for a field of what path leads to.
func requiredChild(path *field.Path, name, value string) field.ErrorList {
	if value != "" {
		return nil
	}
	return required(path.Child(name), value)
}

func required(path *field.Path, value string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	return nil
}

// ValidateHostPath checks a path of the node.
func ValidateHostPath(source *corev1.HostPathVolumeSource, path *field.Path) field.ErrorList {
	if source.Path == "" {
		return field.ErrorList{field.Required(path.Child("path"), "")}
	}
	errs := check.NoBackSteps(path.Child("path"), source.Path)
	if source.Type == nil {
		return errs
	}
	return append(errs, check.OneOf(path.Child("type"), *source.Type,
		corev1.HostPathUnset, corev1.HostPathBlockDev, corev1.HostPathCharDev, corev1.HostPathDirectory,
		corev1.HostPathDirectoryOrCreate, corev1.HostPathFile, corev1.HostPathFileOrCreate, corev1.HostPathSocket)...)
}

func validateItems(items []corev1.KeyToPath, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range items {
		item, at := &items[i], path.Index(i)
		if item.Key == "" {
			errs = append(errs, field.Required(at.Child("key"), ""))
		}
		errs = append(errs, validateFile(at, item.Path)...)
		if item.Mode != nil {
			errs = append(errs, check.FileMode(at.Child("mode"), item.Mode)...)
		}
	}
	return errs
}

func validateDownward(items []corev1.DownwardAPIVolumeFile, path *field.Path) field.ErrorList {
	known := []string{"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"}
	var errs field.ErrorList
	for i := range items {
		item := &items[i]
		errs = append(errs, validateFile(path, item.Path)...)
		switch {
		case item.FieldRef != nil:
			errs = append(errs, downward.ValidateField(item.FieldRef, known, path.Child("fieldRef"))...)
			if item.ResourceFieldRef != nil {
				errs = append(errs, field.Invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
			}
		case item.ResourceFieldRef != nil:
			errs = append(errs, downward.ValidateResource(item.ResourceFieldRef, true, path.Child("resourceFieldRef"))...)
		default:
			errs = append(errs, field.Required(path, "one of fieldRef and resourceFieldRef is required"))
		}
		if item.Mode != nil {
			errs = append(errs, check.FileMode(path.Child("mode"), item.Mode)...)
		}
	}
	return errs
}

// validateFile checks where in a volume something goes.
func validateFile(path *field.Path, file string) field.ErrorList {
	if file != "" && !strings.HasPrefix(file, "/") && !strings.Contains(file, "..") {
		return nil
	}
	at := path.Child("path")
	return append(required(at, file), check.FileName(at, file)...)
}

// validateEphemeral checks the claim that is made for a pod; name is where the volume is named.
func (p pod) validateEphemeral(volume *corev1.Volume, name, path *field.Path) field.ErrorList {
	template, at := volume.Ephemeral.VolumeClaimTemplate, path.Child("volumeClaimTemplate")
	if template == nil {
		return field.ErrorList{field.Required(at, "")}
	}
	var errs field.ErrorList
	if template.Name != "" {
		errs = append(errs, field.Forbidden(at.Child("metadata", "name"), "cannot be set"))
	}
	errs = append(errs, check.Labels(at.Child("metadata", "labels"), template.Labels)...)
	errs = append(errs, apivalidation.ValidateAnnotations(template.Annotations, at.Child("metadata", "annotations"))...)
	errs = append(errs, ValidateClaimSpec(&template.Spec, at.Child("spec"))...)
	if p.meta.Name != "" && volume.Name != "" {
		for _, message := range validation.IsDNS1123Subdomain(p.meta.Name + "-" + volume.Name) {
			errs = append(errs, field.Invalid(name, volume.Name, "PVC name \""+p.meta.Name+"-"+volume.Name+"\": "+message))
		}
	}
	return errs
}
