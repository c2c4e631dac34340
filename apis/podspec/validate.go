package podspec

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The longest time in seconds that a pod may be given to run.
const maxDeadlineSeconds = 1<<31 - 1

// checker knows what the parts of one pod specification need to know of each other.
type checker struct {
	spec    *corev1.PodSpec
	meta    *metav1.ObjectMeta
	volumes map[string]*corev1.VolumeSource
	claims  sets.Set[string]
}

// ValidateTemplate checks a template of pods; old is what it was before an update, or nil.
func ValidateTemplate(template, old *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	var before *corev1.PodSpec
	if old != nil {
		before = &old.Spec
	}
	errs := ValidateTemplateMeta(template, path)
	errs = append(errs, ValidateSpec(&template.Spec, before, &template.ObjectMeta, path.Child("spec"))...)
	if len(template.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("spec", "ephemeralContainers"), "ephemeral containers not allowed in pod template"))
	}
	return errs
}

// ValidateTemplateMeta checks the labels and annotations of a template.
func ValidateTemplateMeta(template *corev1.PodTemplateSpec, path *field.Path) field.ErrorList {
	errs := check.Labels(path.Child("labels"), template.Labels)
	errs = append(errs, validateAnnotations(template.Annotations, path.Child("annotations"))...)
	return append(errs, validatePodAnnotations(&template.Spec, template.Annotations, path.Child("annotations"))...)
}

// ValidateSpec checks the specification of a pod or a template; meta is that of its pods, and old is what the
// specification was before an update, or nil.
func ValidateSpec(spec, old *corev1.PodSpec, meta *metav1.ObjectMeta, path *field.Path) field.ErrorList {
	c := &checker{spec: spec, meta: meta, claims: sets.New[string]()}
	errs := c.validateVolumes(path.Child("volumes"))
	errs = append(errs, c.validateResourceClaims(path.Child("resourceClaims"))...)
	errs = append(errs, c.validateContainers(path.Child("containers"))...)
	errs = append(errs, c.validateInitContainers(path.Child("initContainers"))...)
	errs = append(errs, c.validateEphemeralContainers(path.Child("ephemeralContainers"))...)
	errs = append(errs, c.validateHostPorts(path)...)
	errs = append(errs, c.validateLife(path)...)
	errs = append(errs, c.validateNames(path)...)
	errs = append(errs, c.validateHost(path)...)
	errs = append(errs, validateDNS(spec, path)...)
	errs = append(errs, check.Labels(path.Child("nodeSelector"), spec.NodeSelector)...)
	errs = append(errs, validatePodSecurityContext(spec, path.Child("securityContext"))...)
	errs = append(errs, validateAffinity(spec.Affinity, affinityOf(old), path.Child("affinity"))...)
	errs = append(errs, validateTolerations(spec.Tolerations, path.Child("tolerations"))...)
	errs = append(errs, validateTopologySpread(spec.TopologySpreadConstraints, path.Child("topologySpreadConstraints"))...)
	errs = append(errs, validateGates(spec, path)...)
	errs = append(errs, validateHostAliases(spec.HostAliases, path.Child("hostAliases"))...)
	errs = append(errs, c.validatePodResources(path.Child("resources"))...)
	if len(spec.Overhead) > 0 {
		errs = append(errs, c.validateResources(&corev1.ResourceRequirements{Limits: spec.Overhead}, path.Child("overhead"))...)
	}
	return append(errs, validateOS(spec, path)...)
}

// validateLife checks how a pod starts and ends.
func (c *checker) validateLife(path *field.Path) field.ErrorList {
	spec := c.spec
	errs := check.RequiredOneOf(path.Child("restartPolicy"), spec.RestartPolicy, corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever)
	if seconds := spec.TerminationGracePeriodSeconds; seconds == nil {
		errs = append(errs, field.Required(path.Child("terminationGracePeriodSeconds"), ""))
	}
	if seconds := spec.ActiveDeadlineSeconds; seconds != nil {
		errs = append(errs, validateDeadline(*seconds, path.Child("activeDeadlineSeconds"))...)
	}
	if policy := spec.PreemptionPolicy; policy != nil {
		errs = append(errs, check.OneOf(path.Child("preemptionPolicy"), *policy, corev1.PreemptLowerPriority, corev1.PreemptNever)...)
	}
	return errs
}

func validateDeadline(seconds int64, path *field.Path) field.ErrorList {
	if seconds < 1 || seconds > maxDeadlineSeconds {
		return field.ErrorList{field.Invalid(path, seconds, validation.InclusiveRangeError(1, maxDeadlineSeconds))}
	}
	return nil
}

func (c *checker) validateNames(path *field.Path) field.ErrorList {
	spec := c.spec
	var errs field.ErrorList
	for _, name := range [][2]string{
		{"serviceAccountName", spec.ServiceAccountName},
		{"nodeName", spec.NodeName},
		{"priorityClassName", spec.PriorityClassName},
		{"runtimeClassName", ptr.Deref(spec.RuntimeClassName, "")},
	} {
		if name[1] != "" {
			errs = append(errs, check.Subdomain(path.Child(name[0]), name[1])...)
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

func validateHostname(name string, path *field.Path) field.ErrorList {
	if strings.Contains(name, ".") {
		return field.ErrorList{field.Invalid(path, name, "must not contain dots")}
	}
	return check.Label(path, name)
}

func validateHostnameOverride(spec *corev1.PodSpec, name string, path *field.Path) field.ErrorList {
	errs := check.Subdomain(path.Child("hostnameOverride"), name)
	if len(name) > validation.DNS1123LabelMaxLength+1 {
		errs = append(errs, field.TooLong(path.Child("hostnameOverride"), name, validation.DNS1123LabelMaxLength+1))
	}
	if spec.HostNetwork {
		errs = append(errs, field.Forbidden(path.Child("hostNetwork"), "may not be set to true when hostnameOverride is specified"))
	}
	if ptr.Deref(spec.SetHostnameAsFQDN, false) {
		errs = append(errs, field.Forbidden(path.Child("setHostnameAsFQDN"), "may not be set to true when hostnameOverride is specified"))
	}
	return errs
}

// validateHost checks what a pod shares with its node.
func (c *checker) validateHost(path *field.Path) field.ErrorList {
	spec := c.spec
	var errs field.ErrorList
	if spec.HostPID && ptr.Deref(spec.ShareProcessNamespace, false) {
		errs = append(errs, field.Invalid(path.Child("securityContext", "shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	if ptr.Deref(spec.HostUsers, true) {
		return errs
	}
	const detail = "when `hostUsers` is false"
	if spec.HostNetwork {
		errs = append(errs, field.Forbidden(path.Child("hostNetwork"), detail))
	}
	if spec.HostPID {
		errs = append(errs, field.Forbidden(path.Child("HostPID"), detail))
	}
	if spec.HostIPC {
		errs = append(errs, field.Forbidden(path.Child("HostIPC"), detail))
	}
	for i := range spec.Containers {
		if len(spec.Containers[i].VolumeDevices) > 0 {
			errs = append(errs, field.Forbidden(path.Child("containers").Index(i).Child("volumeDevices"), detail))
		}
	}
	for i := range spec.InitContainers {
		if len(spec.InitContainers[i].VolumeDevices) > 0 {
			errs = append(errs, field.Forbidden(path.Child("initContainers").Index(i).Child("volumeDevices"), detail))
		}
	}
	return errs
}

// validateHostPorts checks that no two containers want the same port of the node.
func (c *checker) validateHostPorts(path *field.Path) field.ErrorList {
	seen := sets.New[string]()
	errs := hostPortConflicts(c.spec.Containers, path.Child("containers"), seen)
	return append(errs, hostPortConflicts(c.spec.InitContainers, path.Child("initContainers"), seen)...)
}

func hostPortConflicts(containers []corev1.Container, path *field.Path, seen sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	for i := range containers {
		for j, port := range containers[i].Ports {
			if port.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
			if seen.Has(key) {
				errs = append(errs, field.Duplicate(path.Index(i).Child("ports").Index(j).Child("hostPort"), key))
			}
			seen.Insert(key)
		}
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

func validateHostAliases(aliases []corev1.HostAlias, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, alias := range aliases {
		errs = append(errs, validateIP(path.Index(i).Child("ip"), alias.IP)...)
		for j, name := range alias.Hostnames {
			errs = append(errs, check.Subdomain(path.Index(i).Child("hostnames").Index(j), name)...)
		}
	}
	return errs
}

func validateOS(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	if spec.OS == nil {
		return nil
	}
	switch spec.OS.Name {
	case corev1.Linux:
		return validateLinux(spec, path)
	case corev1.Windows:
		return validateWindows(spec, path)
	case "":
		return field.ErrorList{field.Required(path.Child("os", "name"), "")}
	}
	return field.ErrorList{field.NotSupported(path.Child("os"), spec.OS.Name, []corev1.OSName{corev1.Linux, corev1.Windows})}
}

func validateIP(path *field.Path, ip string) field.ErrorList {
	return validation.IsValidIPForLegacyField(path, ip, true, nil)
}

func isSidecar(container *corev1.Container) bool {
	return ptr.Deref(container.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways
}

func hasName(names []string, name string) bool {
	return slices.Contains(names, name)
}

// OnlyAlways checks the restart policy of pods that are meant to run for ever.
func OnlyAlways(policy corev1.RestartPolicy, path *field.Path) field.ErrorList {
	if policy == corev1.RestartPolicyAlways {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, policy, []corev1.RestartPolicy{corev1.RestartPolicyAlways})}
}
