package podspec

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/containers"
	"github.com/coxswain-k8s/coxswain/apis/podspec/placement"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/podspec/security"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

// The longest time in seconds that a pod may be given to run.
const maxDeadlineSeconds = 1<<31 - 1

// ValidateTemplate checks a template of pods; old is what it was before an update, or nil.
func ValidateTemplate(template, old *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	var before *corev1.PodSpec
	var annotations map[string]string
	if old != nil {
		before, annotations = &old.Spec, old.Annotations
	}
	errs := ValidateTemplateMeta(template, path)
	errs = append(errs, ValidateDeletionCost(template.Annotations, annotations, path.Child("annotations"))...)
	errs = append(errs, ValidateSpec(&template.Spec, before, &template.ObjectMeta, path.Child("spec"))...)
	if len(template.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// ValidateTemplateMeta checks the labels and annotations of a template.
func ValidateTemplateMeta(template *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	errs := check.Labels(path.Child("labels"), template.Labels)
	errs = append(errs, apivalidation.ValidateAnnotations(template.Annotations, path.Child("annotations"))...)
	return append(errs, ValidatePodAnnotations(&template.Spec, template.Annotations, path.Child("annotations"))...)
}

// ValidateSpec checks the specification of a pod or a template; meta is that of its pods, and old is what the
// specification was before an update, or nil.
func ValidateSpec(spec, old *corev1.PodSpec, meta *metav1.ObjectMeta, path *field.Path) field.ErrorList {
	sources, errs := volumes.Validate(spec, meta, path.Child("volumes"))
	claims, bad := resources.ValidateClaims(spec.ResourceClaims, path)
	errs = append(errs, bad...)
	c := &containers.Pod{Spec: spec, Volumes: sources, Claims: claims}
	errs = append(errs, c.Validate(path.Child("containers"))...)
	errs = append(errs, c.ValidateInit(path)...)
	errs = append(errs, c.ValidateEphemeral(path)...)
	errs = append(errs, validateHostPorts(spec, path)...)
	errs = append(errs, validateLife(spec, path)...)
	errs = append(errs, validateNames(spec, path)...)
	errs = append(errs, validateHost(spec, path)...)
	errs = append(errs, validateDNS(spec, path)...)
	if len(spec.NodeSelector) > 0 {
		errs = append(errs, check.Labels(path.Child("nodeSelector"), spec.NodeSelector)...)
	}
	errs = append(errs, security.ValidatePod(spec, path)...)
	if spec.Affinity != nil {
		errs = append(errs, placement.ValidateAffinity(spec.Affinity, placement.AffinityOf(old), path.Child("affinity"))...)
	}
	errs = append(errs, placement.ValidateTolerations(spec.Tolerations, path.Child("tolerations"))...)
	if len(spec.TopologySpreadConstraints) > 0 {
		errs = append(errs, placement.ValidateTopologySpread(spec.TopologySpreadConstraints, path.Child("topologySpreadConstraints"))...)
	}
	errs = append(errs, validateGates(spec, path)...)
	if len(spec.HostAliases) > 0 {
		errs = append(errs, validateHostAliases(spec.HostAliases, path.Child("hostAliases"))...)
	}
	errs = append(errs, resources.ValidatePod(spec, path)...)
	if len(spec.Overhead) > 0 {
		errs = append(errs, resources.Validate(&corev1.ResourceRequirements{Limits: spec.Overhead}, claims, path.Child("overhead"))...)
	}
	errs = append(errs, validateOS(spec, path)...)
	return append(errs, c.ValidateFiles(path)...)
}

// validateLife checks how a pod starts and ends.
func validateLife(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	errs := check.RequiredChildOneOf(path, "restartPolicy", spec.RestartPolicy, corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	if seconds := spec.TerminationGracePeriodSeconds; seconds == nil {
		errs = append(errs, field.Required(path.Child("terminationGracePeriodSeconds"), ""))
	}
	if seconds := spec.ActiveDeadlineSeconds; seconds != nil {
		errs = append(errs, validateDeadline(*seconds, path.Child("activeDeadlineSeconds"))...)
	}
	if policy := spec.PreemptionPolicy; policy != nil {
		errs = append(errs, check.ChildOneOf(path, "preemptionPolicy", *policy, corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	return errs
}

func validateDeadline(seconds int64, path *field.Path) field.ErrorList {
	if seconds < 1 || seconds > maxDeadlineSeconds {
		return field.ErrorList{field.Invalid(path, seconds, validation.InclusiveRangeError(1, maxDeadlineSeconds))}
	}
	return nil
}

func validateNames(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, name := range [][2]string{
		{"serviceAccountName", spec.ServiceAccountName},
		{"nodeName", spec.NodeName},
		{"priorityClassName", spec.PriorityClassName},
		{"runtimeClassName", ptr.Deref(spec.RuntimeClassName, "")},
	} {
		if name[1] != "" {
			errs = append(errs, check.ChildMessages(path, name[0], name[1], check.SubdomainFaults(name[1]))...)
		}
	}
	if spec.Hostname != "" {
		errs = append(errs, validateHostname(spec.Hostname, path.Child("hostname"))...)
	}
	if spec.Subdomain != "" {
		errs = append(errs, check.Label(path.Child("subdomain"), spec.Subdomain)...)
	}
	if override := spec.HostnameOverride; override != nil {
		errs = append(errs, validateHostnameOverride(spec, *override, path)...)
	}
	return errs
}

func validateGates(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, gate := range spec.ReadinessGates {
		errs = append(errs, check.QualifiedName(path.Child("readinessGates").Index(i).Child("conditionType"), string(gate.ConditionType))...)
	}
	seen := sets.New[string]()
	for i, gate := range spec.SchedulingGates {
		gatePath := path.Child("schedulingGates").Index(i)
		errs = append(errs, check.QualifiedName(gatePath, gate.Name)...)
		if seen.Has(gate.Name) {
			errs = append(errs, field.Duplicate(gatePath, gate.Name))
		}
		seen.Insert(gate.Name)
	}
	return errs
}

func validateOS(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	if spec.OS == nil {
		return nil
	}
	switch spec.OS.Name {
	case corev1.Linux:
		return security.ValidateLinux(spec, path)
	case corev1.Windows:
		return security.ValidateWindows(spec, path)
	case "":
		return field.ErrorList{field.Required(path.Child("os", "name"), "")}
	}
	return field.ErrorList{field.NotSupported(path.Child("os"), spec.OS.Name, []corev1.OSName{corev1.Linux, corev1.Windows})}
}

func validateIP(path *field.Path, ip string) field.ErrorList {
	return validation.IsValidIPForLegacyField(path, ip, true, nil)
}

// OnlyAlways checks the restart policy of pods that are meant to run for ever.
func OnlyAlways(policy corev1.RestartPolicy, path *field.Path) field.ErrorList {
	if policy == corev1.RestartPolicyAlways {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, policy, []corev1.RestartPolicy{corev1.RestartPolicyAlways})}
}
