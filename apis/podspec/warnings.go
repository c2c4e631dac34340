package podspec

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/containers"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

// TemplateWarnings are what is valid in a pod template and yet likely to surprise.
func TemplateWarnings(template *corev1.PodTemplateSpec, path *field.Path) []string {
	return Warnings(&template.ObjectMeta, &template.Spec, path)
}

// Warnings are those of a pod, or of a template that is found at path.
func Warnings(meta *metav1.ObjectMeta, spec *corev1.PodSpec, path *field.Path) []string {
	at := path.Child("spec")
	warnings := labelWarnings(spec, at)
	if len(meta.Annotations) > 0 {
		warnings = append(warnings, containers.AnnotationWarnings(meta, spec, path.Child("metadata", "annotations"), path == nil)...)
	}
	for i := range spec.Volumes {
		if v := &spec.Volumes[i]; !volumes.IsAPIAccess(&v.VolumeSource) { // as in nearly every pod
			warnings = append(warnings, volumes.Warnings(v, at.Child("volumes").Index(i))...)
		}
	}
	warnings = append(warnings, listWarnings(spec, at)...)
	warnings = append(warnings, containers.Warnings(spec, at)...)
	if spec.Affinity != nil {
		warnings = append(warnings, affinityWarnings(spec.Affinity, at.Child("affinity"))...)
	}
	if seconds := spec.TerminationGracePeriodSeconds; seconds != nil && *seconds < 0 {
		warnings = append(warnings, at.Child("terminationGracePeriodSeconds").String()+": must be >= 0; negative values are invalid and will be treated as 1")
	}
	return warnings
}

// HostnameWarning says that a name will surprise where it becomes a host name.
func HostnameWarning(name, use string) []string {
	if problems := check.LabelFaults(name); len(problems) > 0 {
		return []string{fmt.Sprintf("metadata.name: this is used in %s, which can result in surprising behavior; a DNS label is recommended: %v", use, problems)}
	}
	return nil
}

// PodsNameWarning is the one for what makes pods.
func PodsNameWarning(name string) []string { return HostnameWarning(name, "Pod names and hostnames") }

// newerLabel returns since when another label is to be used for a node's, and which.
func newerLabel(name string) (since, instead string) {
	switch name {
	case corev1.LabelFailureDomainBetaZone:
		return "v1.17", corev1.LabelTopologyZone
	case corev1.LabelFailureDomainBetaRegion:
		return "v1.17", corev1.LabelTopologyRegion
	case corev1.LabelInstanceType:
		return "v1.17", corev1.LabelInstanceTypeStable
	case "beta.kubernetes.io/arch":
		return "v1.14", corev1.LabelArchStable
	case "beta.kubernetes.io/os":
		return "v1.14", corev1.LabelOSStable
	}
	return "", ""
}

func keyWarning(name string, path *field.Path) []string {
	if since, instead := newerLabel(name); instead != "" {
		return []string{fmt.Sprintf("%s: %s is deprecated since %s; use %q instead", path, name, since, instead)}
	}
	return nil
}

// NodeTermWarnings are those of one term of a node selector.
func NodeTermWarnings(term *corev1.NodeSelectorTerm, path *field.Path) []string {
	var warnings []string
	for i, expression := range term.MatchExpressions {
		warnings = append(warnings, keyWarning(expression.Key, path.Child("matchExpressions").Index(i).Child("key"))...)
	}
	return warnings
}

// selectorWarnings are those of labels of nodes that are looked for.
func selectorWarnings(selector map[string]string, path *field.Path) []string {
	var warnings []string
	for _, name := range sets.List(sets.KeySet(selector)) {
		if since, instead := newerLabel(name); instead != "" {
			warnings = append(warnings, fmt.Sprintf("%s: deprecated since %s; use %q instead", path.Key(name), since, instead))
		}
	}
	return warnings
}

func labelWarnings(spec *corev1.PodSpec, path *field.Path) []string {
	var warnings []string
	if len(spec.NodeSelector) > 0 {
		warnings = selectorWarnings(spec.NodeSelector, path.Child("nodeSelector"))
	}
	if spec.Affinity != nil && spec.Affinity.NodeAffinity != nil {
		affinity, at := spec.Affinity.NodeAffinity, path.Child("affinity", "nodeAffinity")
		if required := affinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
			for i := range required.NodeSelectorTerms {
				warnings = append(warnings, NodeTermWarnings(&required.NodeSelectorTerms[i],
					at.Child("requiredDuringSchedulingIgnoredDuringExecution", "nodeSelectorTerms").Index(i))...)
			}
		}
		for i := range affinity.PreferredDuringSchedulingIgnoredDuringExecution {
			warnings = append(warnings, NodeTermWarnings(&affinity.PreferredDuringSchedulingIgnoredDuringExecution[i].Preference,
				at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i).Child("preference"))...)
		}
	}
	for i := range spec.TopologySpreadConstraints {
		constraint, at := &spec.TopologySpreadConstraints[i], path.Child("topologySpreadConstraints").Index(i)
		warnings = append(warnings, keyWarning(constraint.TopologyKey, at.Child("topologyKey"))...)
		warnings = append(warnings, nullSelector(constraint.LabelSelector, at)...)
	}
	return warnings
}

func nullSelector(selector *metav1.LabelSelector, path *field.Path) []string {
	if selector != nil {
		return nil
	}
	return []string{path.Child("labelSelector").String() + ": a null labelSelector results in matching no pod"}
}

func affinityWarnings(affinity *corev1.Affinity, path *field.Path) []string {
	var warnings []string
	terms := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm, at *field.Path) {
		for i := range required {
			warnings = append(warnings, nullSelector(required[i].LabelSelector, at.Child("requiredDuringSchedulingIgnoredDuringExecution").Index(i))...)
		}
		for i := range preferred {
			warnings = append(warnings, nullSelector(preferred[i].PodAffinityTerm.LabelSelector,
				at.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i).Child("podAffinityTerm"))...)
		}
	}
	if a := affinity.PodAffinity; a != nil {
		terms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAffinity"))
	}
	if a := affinity.PodAntiAffinity; a != nil {
		terms(a.RequiredDuringSchedulingIgnoredDuringExecution, a.PreferredDuringSchedulingIgnoredDuringExecution, path.Child("podAntiAffinity"))
	}
	return warnings
}

// listWarnings are about host aliases, pull secrets and name servers.
func listWarnings(spec *corev1.PodSpec, path *field.Path) []string {
	if len(spec.HostAliases)+len(spec.ImagePullSecrets) == 0 && spec.DNSConfig == nil {
		return nil
	}
	var warnings []string
	seen := sets.New[string]()
	for i, alias := range spec.HostAliases {
		at := path.Child("hostAliases").Index(i).Child("ip")
		if seen.Has(alias.IP) {
			warnings = append(warnings, fmt.Sprintf("%s: duplicate ip %q", at, alias.IP))
		}
		seen.Insert(alias.IP)
	}
	seen = sets.New[string]()
	secrets := path.Child("imagePullSecrets")
	for i, secret := range spec.ImagePullSecrets {
		if secret.Name != "" && seen.Has(secret.Name) {
			warnings = append(warnings, fmt.Sprintf("%s: duplicate name %q", secrets.Index(i).Child("name"), secret.Name))
		}
		seen.Insert(secret.Name)
	}
	for i, secret := range spec.ImagePullSecrets {
		if secret.Name == "" {
			warnings = append(warnings, secrets.Index(i).Child("name").String()+`: invalid empty name ""`)
		}
	}
	for i, alias := range spec.HostAliases {
		warnings = append(warnings, validation.GetWarningsForIP(path.Child("hostAliases").Index(i).Child("ip"), alias.IP)...)
	}
	if spec.DNSConfig != nil {
		for i, server := range spec.DNSConfig.Nameservers {
			warnings = append(warnings, validation.GetWarningsForIP(path.Child("dnsConfig", "nameservers").Index(i), server)...)
		}
	}
	return warnings
}
