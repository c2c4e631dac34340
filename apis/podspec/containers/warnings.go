package containers

import (
	"fmt"
	"strings"

	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// oldAnnotations did once what fields do now: the version since which they are without effect, and the field.
func oldAnnotations() map[string][2]string {
	return map[string][2]string{
		"scheduler.alpha.kubernetes.io/critical-pod":  {"v1.16", "priorityClassName"},
		"security.alpha.kubernetes.io/sysctls":        {"v1.11", "sysctls"},
		"security.alpha.kubernetes.io/unsafe-sysctls": {"v1.11", "sysctls"},
	}
}

// AnnotationWarnings are those of annotations at path; in a pod, profiles may come from them already.
func AnnotationWarnings(meta *metav1.ObjectMeta, spec *corev1.PodSpec, path *field.Path, pod bool) []string {
	var warnings []string
	add := func(name, problem, instead string) {
		if _, ok := meta.Annotations[name]; ok {
			warnings = append(warnings, oldAnnotation(path.Key(name), problem, instead))
		}
	}
	old := oldAnnotations()
	for _, name := range sets.List(sets.KeySet(old)) {
		add(name, "non-functional in "+old[name][0]+"+", old[name][1])
	}
	shared := spec.SecurityContext
	if shared == nil || shared.SeccompProfile == nil {
		add(corev1.SeccompPodAnnotationKey, "non-functional in v1.27+", "seccompProfile")
	}
	eachContainerAt(spec, nil, func(c *corev1.Container, _ *field.Path) {
		own := c.SecurityContext
		if own == nil || own.SeccompProfile == nil {
			add(corev1.SeccompContainerAnnotationKeyPrefix+c.Name, "non-functional in v1.27+", "seccompProfile")
		}
		if own == nil || own.AppArmorProfile == nil || pod && sameProfile(own.AppArmorProfile, meta.Annotations[corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+c.Name]) {
			add(corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+c.Name, deprecatedAppArmor, "appArmorProfile")
		}
	})
	return warnings
}

const deprecatedAppArmor = "deprecated since v1.30"

func oldAnnotation(path *field.Path, problem, instead string) string {
	return fmt.Sprintf("%s: %s; use the %q field instead", path, problem, instead)
}

// OldAppArmor warns of an annotation of a pod that names the AppArmor profile of a container.
func OldAppArmor(annotation string) string {
	return oldAnnotation(field.NewPath("metadata", "annotations").Key(annotation), deprecatedAppArmor, "appArmorProfile")
}

func sameProfile(profile *corev1.AppArmorProfile, annotation string) bool {
	named := AppArmorProfile(annotation)
	return named != nil && equality.Semantic.DeepEqual(profile, named)
}

// AppArmorProfile is the profile that an annotation names, nil for none.
func AppArmorProfile(annotation string) *corev1.AppArmorProfile {
	switch annotation {
	case corev1.DeprecatedAppArmorBetaProfileRuntimeDefault:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeRuntimeDefault}
	case corev1.DeprecatedAppArmorBetaProfileNameUnconfined:
		return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeUnconfined}
	}
	name, ok := strings.CutPrefix(annotation, corev1.DeprecatedAppArmorBetaProfileNamePrefix)
	if !ok || name == "" {
		return nil
	}
	return &corev1.AppArmorProfile{Type: corev1.AppArmorProfileTypeLocalhost, LocalhostProfile: &name}
}

// Warnings are about the containers of a pod at path.
func Warnings(spec *corev1.PodSpec, path *field.Path) []string {
	var warnings []string
	ports := &portTable{}
	eachContainerAt(spec, path, func(c *corev1.Container, at *field.Path) {
		if len(c.Resources.Limits)+len(c.Resources.Requests) > 0 {
			for _, name := range []corev1.ResourceName{corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
				warnings = append(warnings, resources.FractionWarnings(c.Resources.Limits, name, at.Child("resources", "limits"))...)
				warnings = append(warnings, resources.FractionWarnings(c.Resources.Requests, name, at.Child("resources", "requests"))...)
			}
		}
		if len(c.Env) > 1 {
			warnings = append(warnings, envWarnings(c.Env, at.Child("env"))...)
		}
		for i := range c.Ports {
			warnings = append(warnings, ports.add(&c.Ports[i], at.Child("ports").Index(i))...)
		}
	})
	return append(warnings, ports.names...)
}

// envWarnings are about variables that hide others of the same name. One that only adds to the earlier hides nothing.
func envWarnings(env []corev1.EnvVar, path *field.Path) []string {
	var warnings []string
	seen := sets.New[string]()
	for i, variable := range env {
		if seen.Has(variable.Name) {
			reference := "$(" + variable.Name + ")"
			if adds := variable.ValueFrom == nil && variable.Value != reference && strings.Contains(variable.Value, reference); !adds {
				warnings = append(warnings, fmt.Sprintf("%s: hides previous definition of %q, which may be dropped when using apply", path.Index(i), variable.Name))
			}
		}
		seen.Insert(variable.Name)
	}
	return warnings
}

// portTable holds the ports of the containers that were looked at.
type portTable struct {
	ports []corev1.ContainerPort
	paths []*field.Path
	names []string
}

// add compares a port with those before it. What is said of its name comes after what is said of all numbers.
func (t *portTable) add(port *corev1.ContainerPort, path *field.Path) []string {
	var warnings []string
	named := false
	for i := range t.ports {
		before := &t.ports[i]
		if before.ContainerPort == port.ContainerPort && before.Protocol == port.Protocol {
			switch {
			case before.HostPort == port.HostPort && before.HostIP == port.HostIP:
				warnings = append(warnings, fmt.Sprintf("%s: duplicate port definition with %s", path, t.paths[i]))
			case before.HostPort == 0 || port.HostPort == 0:
				warnings = append(warnings, fmt.Sprintf("%s: overlapping port definition with %s", path, t.paths[i]))
			}
		}
		if port.Name != "" && before.Name == port.Name && !named {
			named = true
			t.names = append(t.names, fmt.Sprintf("%s: duplicate port name %q with %s, services and probes that select ports by name will use %s", path, port.Name, t.paths[i], t.paths[i]))
		}
	}
	t.ports, t.paths = append(t.ports, *port), append(t.paths, path)
	return warnings
}
