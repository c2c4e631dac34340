package containers

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

func (c *Pod) grace() int64 {
	return ptr.Deref(c.Spec.TerminationGracePeriodSeconds, 0)
}

func (c *Pod) validateLifecycle(lifecycle *corev1.Lifecycle, path *field.Path) field.ErrorList {
	if lifecycle == nil {
		return nil
	}
	var errs field.ErrorList
	if h := lifecycle.PostStart; h != nil {
		errs = append(errs, validateHandler(handler{exec: h.Exec, httpGet: h.HTTPGet, tcpSocket: h.TCPSocket, sleep: h.Sleep}, c.grace(), path.Child("postStart"))...)
	}
	if h := lifecycle.PreStop; h != nil {
		errs = append(errs, validateHandler(handler{exec: h.Exec, httpGet: h.HTTPGet, tcpSocket: h.TCPSocket, sleep: h.Sleep}, c.grace(), path.Child("preStop"))...)
	}
	if lifecycle.StopSignal != nil && c.Spec.OS == nil {
		errs = append(errs, field.Forbidden(path.Child("stopSignal"), "may not be set for containers with empty `spec.os.name`"))
	}
	return errs
}

// handler is the action of a probe or of a lifecycle hook.
type handler struct {
	exec      *corev1.ExecAction
	httpGet   *corev1.HTTPGetAction
	tcpSocket *corev1.TCPSocketAction
	grpc      *corev1.GRPCAction
	sleep     *corev1.SleepAction
}

// validateHandler checks that there is one action, and that it is well formed.
func validateHandler(h handler, grace int64, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	count := 0
	one := func(name string, check func(*field.Path) field.ErrorList) {
		count++
		if count > 1 {
			errs = append(errs, field.Forbidden(path.Child(name), "may not specify more than 1 handler type"))
			return
		}
		errs = append(errs, check(path.Child(name))...)
	}
	if h.exec != nil {
		one("exec", func(at *field.Path) field.ErrorList {
			if len(h.exec.Command) == 0 {
				return field.ErrorList{field.Required(at.Child("command"), "")}
			}
			return nil
		})
	}
	if h.httpGet != nil {
		one("httpGet", func(at *field.Path) field.ErrorList { return validateHTTPGet(h.httpGet, at) })
	}
	if h.tcpSocket != nil {
		one("tcpSocket", func(at *field.Path) field.ErrorList { return check.PortOrName(at.Child("port"), h.tcpSocket.Port) })
	}
	if h.grpc != nil {
		one("grpc", func(at *field.Path) field.ErrorList { return check.Port(at.Child("port"), h.grpc.Port) })
	}
	if h.sleep != nil {
		one("sleep", func(at *field.Path) field.ErrorList {
			if h.sleep.Seconds < 0 || h.sleep.Seconds > grace {
				return field.ErrorList{field.Invalid(at, h.sleep.Seconds, fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", grace))}
			}
			return nil
		})
	}
	if count == 0 {
		errs = append(errs, field.Required(path, "must specify a handler type"))
	}
	return errs
}

func validateHTTPGet(get *corev1.HTTPGetAction, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if get.Path == "" {
		errs = append(errs, field.Required(path.Child("path"), ""))
	}
	errs = append(errs, check.PortOrName(path.Child("port"), get.Port)...)
	errs = append(errs, check.OneOf(path.Child("scheme"), get.Scheme, corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
	for _, header := range get.HTTPHeaders {
		errs = append(errs, check.Messages(path.Child("httpHeaders"), header.Name, validation.IsHTTPHeaderName(header.Name))...)
	}
	return errs
}

func validateProbes(container *corev1.Container, path *field.Path, grace int64) field.ErrorList {
	if container.LivenessProbe == nil && container.ReadinessProbe == nil && container.StartupProbe == nil {
		return nil
	}
	errs := validateOnce(container.LivenessProbe, grace, path.Child("livenessProbe"))
	readiness := container.ReadinessProbe
	errs = append(errs, validateProbe(readiness, grace, path.Child("readinessProbe"))...)
	if readiness != nil && readiness.TerminationGracePeriodSeconds != nil {
		errs = append(errs, field.Invalid(path.Child("readinessProbe", "terminationGracePeriodSeconds"), *readiness.TerminationGracePeriodSeconds, "must not be set for readinessProbes"))
	}
	return append(errs, validateOnce(container.StartupProbe, grace, path.Child("startupProbe"))...)
}

// validateOnce checks a probe for which to succeed once is enough.
func validateOnce(probe *corev1.Probe, grace int64, path *field.Path) field.ErrorList {
	errs := validateProbe(probe, grace, path)
	if probe != nil && probe.SuccessThreshold != 1 {
		errs = append(errs, field.Invalid(path.Child("successThreshold"), probe.SuccessThreshold, "must be 1"))
	}
	return errs
}

func validateProbe(probe *corev1.Probe, grace int64, path *field.Path) field.ErrorList {
	if probe == nil {
		return nil
	}
	errs := validateHandler(handler{exec: probe.Exec, httpGet: probe.HTTPGet, tcpSocket: probe.TCPSocket, grpc: probe.GRPC}, grace, path)
	errs = append(errs, check.NonNegative(path.Child("initialDelaySeconds"), probe.InitialDelaySeconds)...)
	errs = append(errs, check.NonNegative(path.Child("timeoutSeconds"), probe.TimeoutSeconds)...)
	errs = append(errs, check.NonNegative(path.Child("periodSeconds"), probe.PeriodSeconds)...)
	errs = append(errs, check.NonNegative(path.Child("successThreshold"), probe.SuccessThreshold)...)
	errs = append(errs, check.NonNegative(path.Child("failureThreshold"), probe.FailureThreshold)...)
	if seconds := probe.TerminationGracePeriodSeconds; seconds != nil && *seconds <= 0 {
		errs = append(errs, field.Invalid(path.Child("terminationGracePeriodSeconds"), *seconds, "must be greater than 0"))
	}
	return errs
}
