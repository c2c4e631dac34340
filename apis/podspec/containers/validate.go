package containers

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/podspec/security"
)

// Validate checks those that make up the pod.
func (c *Pod) Validate(path *field.Path) field.ErrorList {
	if len(c.Spec.Containers) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range c.Spec.Containers {
		container, at := &c.Spec.Containers[i], path.Index(i)
		errs = append(errs, c.validateCommon(container, at)...)
		errs = append(errs, validateName(container.Name, at, names)...)
		if container.Lifecycle != nil {
			errs = append(errs, c.validateLifecycle(container.Lifecycle, at.Child("lifecycle"))...)
		}
		errs = append(errs, validateProbes(container, at, c.grace())...)
		errs = append(errs, validateRestart(container, at)...)
	}
	return errs
}

// isSet says whether a field is there.
type isSet struct {
	name    string
	present bool
}

// ValidateInit checks those that run to their end, and those that run beside the others (sidecars), in the specification at path.
func (c *Pod) ValidateInit(path *field.Path) field.ErrorList {
	if len(c.Spec.InitContainers) == 0 {
		return nil
	}
	path = path.Child("initContainers")
	var errs field.ErrorList
	names := sets.New[string]()
	for i := range c.Spec.Containers {
		names.Insert(c.Spec.Containers[i].Name)
	}
	for i := range c.Spec.InitContainers {
		container, at := &c.Spec.InitContainers[i], path.Index(i)
		errs = append(errs, c.validateCommon(container, at)...)
		errs = append(errs, validateName(container.Name, at, names)...)
		errs = append(errs, validateRestart(container, at)...)
		if isSidecar(container) {
			errs = append(errs, c.validateLifecycle(container.Lifecycle, at.Child("lifecycle"))...)
			errs = append(errs, validateProbes(container, at, c.grace())...)
			continue
		}
		const detail = "may not be set for init containers without restartPolicy=Always"
		for _, set := range []isSet{
			{"lifecycle", container.Lifecycle != nil},
			{"livenessProbe", container.LivenessProbe != nil},
			{"readinessProbe", container.ReadinessProbe != nil},
			{"startupProbe", container.StartupProbe != nil},
		} {
			if set.present {
				errs = append(errs, field.Forbidden(at.Child(set.name), detail))
			}
		}
	}
	return errs
}

func validateName(name string, path *field.Path, seen sets.Set[string]) field.ErrorList {
	if name == "" {
		return nil
	}
	if seen.Has(name) {
		return field.ErrorList{field.Duplicate(path.Child("name"), name)}
	}
	seen.Insert(name)
	return nil
}

// validateCommon checks what all kinds of containers have.
func (c *Pod) validateCommon(container *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if container.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	} else {
		errs = append(errs, check.ChildMessages(path, "name", container.Name, check.LabelFaults(container.Name))...)
	}
	if container.Image == "" {
		errs = append(errs, field.Required(path.Child("image"), ""))
	} else if strings.TrimSpace(container.Image) != container.Image {
		errs = append(errs, field.Invalid(path.Child("image"), container.Image, "must not have leading or trailing whitespace"))
	}
	errs = append(errs, check.RequiredChildOneOf(path, "terminationMessagePolicy", container.TerminationMessagePolicy, corev1.TerminationMessageReadFile, corev1.TerminationMessageFallbackToLogsOnError)...)
	errs = append(errs, check.RequiredChildOneOf(path, "imagePullPolicy", container.ImagePullPolicy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)...)
	return append(errs, c.validateParts(container, path)...)
}

// validateParts checks what a container may have or not.
func (c *Pod) validateParts(container *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(container.Ports) > 0 {
		errs = validatePorts(container.Ports, c.Spec.HostNetwork, path.Child("ports"))
	}
	if len(container.Env) > 0 {
		errs = append(errs, validateEnv(container.Env, path.Child("env"))...)
	}
	if len(container.EnvFrom) > 0 {
		errs = append(errs, validateEnvFrom(container.EnvFrom, path.Child("envFrom"))...)
	}
	if len(container.VolumeMounts) > 0 {
		errs = append(errs, c.validateMounts(container, path.Child("volumeMounts"))...)
	}
	if len(container.VolumeDevices) > 0 {
		errs = append(errs, c.validateDevices(container, path.Child("volumeDevices"))...)
	}
	if !resources.None(&container.Resources) {
		errs = append(errs, resources.Validate(&container.Resources, c.Claims, path.Child("resources"))...)
	}
	if len(container.ResizePolicy) > 0 {
		errs = append(errs, validateResizePolicy(container.ResizePolicy, c.Spec.RestartPolicy, path.Child("resizePolicy"))...)
	}
	if container.SecurityContext != nil {
		errs = append(errs, security.ValidateContainer(container.SecurityContext, c.Spec, path.Child("securityContext"))...)
	}
	return errs
}

func validatePorts(ports []corev1.ContainerPort, hostNetwork bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i, port := range ports {
		at := path.Index(i)
		if port.Name != "" {
			messages := validation.IsValidPortName(port.Name)
			errs = append(errs, check.Messages(at.Child("name"), port.Name, messages)...)
			if len(messages) == 0 && names.Has(port.Name) {
				errs = append(errs, field.Duplicate(at.Child("name"), port.Name))
			}
			names.Insert(port.Name)
		}
		if port.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, check.Port(at.Child("containerPort"), port.ContainerPort)...)
		}
		if port.HostPort != 0 {
			errs = append(errs, check.Port(at.Child("hostPort"), port.HostPort)...)
			if hostNetwork && port.HostPort != port.ContainerPort {
				errs = append(errs, field.Invalid(at.Child("hostPort"), port.HostPort, "must match `containerPort` when `hostNetwork` is true"))
			}
		}
		errs = append(errs, check.RequiredOneOf(at.Child("protocol"), port.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	}
	return errs
}

// validateRestart checks the restart policy of one container.
func validateRestart(container *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if container.RestartPolicy == nil {
		if len(container.RestartPolicyRules) > 0 {
			errs = append(errs, field.Required(path.Child("restartPolicy"), "must specify restartPolicy when restart rules are used"))
		}
		return errs
	}
	errs = append(errs, check.OneOf(path.Child("restartPolicy"), *container.RestartPolicy,
		corev1.ContainerRestartPolicyAlways, corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)...)
	for i := range container.RestartPolicyRules {
		rule, at := &container.RestartPolicyRules[i], path.Child("restartPolicyRules").Index(i)
		errs = append(errs, check.OneOf(at.Child("action"), rule.Action, corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)...)
		if rule.ExitCodes == nil {
			errs = append(errs, field.Required(at.Child("exitCodes"), "must be specified"))
			continue
		}
		errs = append(errs, check.OneOf(at.Child("exitCodes", "operator"), rule.ExitCodes.Operator,
			corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)...)
	}
	return errs
}

func validateResizePolicy(policies []corev1.ContainerResizePolicy, restart corev1.RestartPolicy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[corev1.ResourceName]()
	for i, policy := range policies {
		if seen.Has(policy.ResourceName) {
			errs = append(errs, field.Duplicate(path.Index(i), policy.ResourceName))
		}
		seen.Insert(policy.ResourceName)
		errs = append(errs, check.RequiredOneOf(path, policy.ResourceName, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, check.RequiredOneOf(path, policy.RestartPolicy, corev1.NotRequired, corev1.RestartContainer)...)
		if restart == corev1.RestartPolicyNever && policy.RestartPolicy != corev1.NotRequired && policy.RestartPolicy != "" {
			errs = append(errs, field.Invalid(path, policy.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
		}
	}
	return errs
}

// ValidateEphemeral checks those that were added to look at the others, in the specification at path.
func (c *Pod) ValidateEphemeral(path *field.Path) field.ErrorList {
	if len(c.Spec.EphemeralContainers) == 0 {
		return nil
	}
	path = path.Child("ephemeralContainers")
	var errs field.ErrorList
	names := sets.New[string]()
	Each(c.Spec, func(container *corev1.Container) { names.Insert(container.Name) })
	for i := range c.Spec.EphemeralContainers {
		ephemeral, at := &c.Spec.EphemeralContainers[i], path.Index(i)
		container := corev1.Container(ephemeral.EphemeralContainerCommon)
		errs = append(errs, c.validateCommon(&container, at)...)
		errs = append(errs, validateName(container.Name, at, names)...)
		if target := ephemeral.TargetContainerName; target != "" && !Has(c.Spec, target) {
			errs = append(errs, field.NotFound(at.Child("targetContainerName"), target))
		}
		for _, set := range []isSet{
			{"lifecycle", container.Lifecycle != nil},
			{"livenessProbe", container.LivenessProbe != nil},
			{"ports", len(container.Ports) > 0},
			{"readinessProbe", container.ReadinessProbe != nil},
			{"resizePolicy", len(container.ResizePolicy) > 0},
			{"resources", len(container.Resources.Limits)+len(container.Resources.Requests) > 0},
			{"restartPolicy", container.RestartPolicy != nil},
			{"startupProbe", container.StartupProbe != nil},
		} {
			if set.present {
				errs = append(errs, field.Forbidden(at.Child(set.name), "cannot be set for an Ephemeral Container"))
			}
		}
		for j, mount := range container.VolumeMounts {
			if mount.SubPath != "" {
				errs = append(errs, field.Forbidden(at.Child("volumeMounts").Index(j).Child("subPath"), "cannot be set for an Ephemeral Container"))
			}
			if mount.SubPathExpr != "" {
				errs = append(errs, field.Forbidden(at.Child("volumeMounts").Index(j).Child("subPathExpr"), "cannot be set for an Ephemeral Container"))
			}
		}
	}
	return errs
}
