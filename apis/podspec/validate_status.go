package podspec

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/podspec/containers"
)

// ValidateStatus checks the status of a pod against the one before: containers that may not restart stay
// terminated, and addresses are addresses.
func ValidateStatus(pod, old *corev1.Pod, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if name := pod.Status.NominatedNodeName; name != "" {
		errs = append(errs, check.Subdomain(path.Child("nominatedNodeName"), name)...)
	}
	if pod.Spec.RestartPolicy != corev1.RestartPolicyAlways {
		errs = append(errs, validateStates(pod.Status.ContainerStatuses, old.Status.ContainerStatuses, &pod.Spec, path.Child("containerStatuses"))...)
		errs = append(errs, validateStates(pod.Status.InitContainerStatuses, old.Status.InitContainerStatuses, &pod.Spec, path.Child("initContainerStatuses"))...)
	}
	if old.Status.QOSClass != "" && pod.Status.QOSClass != old.Status.QOSClass {
		errs = append(errs, field.Invalid(path.Child("qosClass"), pod.Status.QOSClass, "field is immutable"))
	}
	for i := range pod.Status.Conditions {
		errs = append(errs, check.QualifiedName(path.Child("conditions").Index(i).Child("Type"), string(pod.Status.Conditions[i].Type))...)
	}
	errs = append(errs, validatePodIPs(pod, path.Child("podIPs"))...)
	return append(errs, validateHostIPs(pod, path.Child("hostIPs"))...)
}

func validateStates(now, before []corev1.ContainerStatus, spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range before {
		old := &before[i]
		if old.State.Terminated == nil || restarts(spec, old) {
			continue
		}
		for j := range now {
			if now[j].Name == old.Name && now[j].State.Terminated == nil {
				errs = append(errs, field.Forbidden(path.Index(j).Child("state"), "may not be transitioned to non-terminated state"))
			}
		}
	}
	return errs
}

// restarts says whether a container that has terminated may run again.
func restarts(spec *corev1.PodSpec, status *corev1.ContainerStatus) bool {
	if status.State.Terminated.ExitCode != 0 && spec.RestartPolicy == corev1.RestartPolicyOnFailure {
		return true
	}
	found := false
	containers.Each(spec, func(c *corev1.Container) {
		found = found || c.Name == status.Name && c.RestartPolicy != nil && *c.RestartPolicy != corev1.ContainerRestartPolicyNever
	})
	return found
}

// ipText is how an address is printed when it is wrong.
type ipText struct {
	IP string
}

const onePerFamily = "may specify no more than one IP for each IP family"

func validatePodIPs(pod *corev1.Pod, path *field.Path) field.ErrorList {
	ips := make([]ipText, 0, len(pod.Status.PodIPs))
	for _, ip := range pod.Status.PodIPs {
		ips = append(ips, ipText(ip))
	}
	return validateIPs(ips, path)
}

func validateHostIPs(pod *corev1.Pod, path *field.Path) field.ErrorList {
	if len(pod.Status.HostIPs) == 0 {
		return nil
	}
	var errs field.ErrorList
	if pod.Status.HostIP != pod.Status.HostIPs[0].IP {
		errs = append(errs, field.Invalid(path.Index(0).Child("ip"), pod.Status.HostIPs[0].IP, "must be equal to `hostIP`"))
	}
	ips := make([]ipText, 0, len(pod.Status.HostIPs))
	for _, ip := range pod.Status.HostIPs {
		ips = append(ips, ipText(ip))
	}
	return append(errs, validateIPs(ips, path)...)
}

// validateIPs checks a list of at most one address of each family.
func validateIPs(ips []ipText, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	families, seen := map[bool]int{}, sets.New[string]()
	var bad error
	for i, ip := range ips {
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip.IP, true, nil)...)
		if address, err := netip.ParseAddr(ip.IP); err == nil {
			families[address.Is4()]++
		} else if bad == nil {
			bad = fmt.Errorf("failed to check for dual stack with error:invalid IP[%d]: %s", i, ip.IP)
		}
		if seen.Has(ip.IP) {
			errs = append(errs, field.Duplicate(path.Index(i), ip))
		}
		seen.Insert(ip.IP)
	}
	if len(ips) < 2 {
		return errs
	}
	if bad != nil {
		errs = append(errs, field.InternalError(path, bad))
	}
	if families[true] != 1 || families[false] != 1 || len(ips) > 2 {
		errs = append(errs, field.Invalid(path, ips, onePerFamily))
	}
	return errs
}
