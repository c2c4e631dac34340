package podspec

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/containers"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// DefaultTemplate fills in the defaults of a template. They are fewer than a pod's: what the API server
// decides when a pod is made of the template stays open.
func DefaultTemplate(template *corev1.PodTemplateSpec) {
	defaultSpec(&template.Spec)
}

// DefaultPod fills in the defaults of a pod.
func DefaultPod(pod *corev1.Pod) {
	spec := &pod.Spec
	agreeOnIP(&pod.Status)
	if spec.EnableServiceLinks == nil {
		spec.EnableServiceLinks = ptr.To(corev1.DefaultEnableServiceLinks)
	}
	defaultSpec(spec)
	containers.Each(spec, func(c *corev1.Container) {
		requestsFromLimits(&c.Resources)
	})
	resources.DefaultPod(pod)
	if spec.HostNetwork {
		hostPorts(spec.Containers)
		hostPorts(spec.InitContainers)
	}
	if pod.Status.PodIP != "" && len(pod.Status.PodIPs) == 0 {
		pod.Status.PodIPs = []corev1.PodIP{{IP: pod.Status.PodIP}}
	}
}

func defaultSpec(spec *corev1.PodSpec) {
	resource.SetZero(&spec.DNSPolicy, corev1.DNSClusterFirst)
	resource.SetZero(&spec.RestartPolicy, corev1.RestartPolicyAlways)
	resource.SetZero(&spec.SchedulerName, corev1.DefaultSchedulerName)
	if spec.SecurityContext == nil {
		spec.SecurityContext = &corev1.PodSecurityContext{}
	}
	if spec.TerminationGracePeriodSeconds == nil {
		spec.TerminationGracePeriodSeconds = ptr.To[int64](corev1.DefaultTerminationGracePeriodSeconds)
	}
	syncServiceAccount(spec)
	for i := range spec.Volumes {
		volumes.Default(&spec.Volumes[i])
	}
	containers.Each(spec, containers.Default)
	for i := range spec.EphemeralContainers {
		c := corev1.Container(spec.EphemeralContainers[i].EphemeralContainerCommon)
		containers.Default(&c)
		spec.EphemeralContainers[i].EphemeralContainerCommon = corev1.EphemeralContainerCommon(c)
	}
	if spec.Resources != nil {
		resources.Round(spec.Resources)
	}
	resources.RoundUp(spec.Overhead)
}

// syncServiceAccount keeps the deprecated name of the field alike.
func syncServiceAccount(spec *corev1.PodSpec) {
	resource.SetZero(&spec.ServiceAccountName, spec.DeprecatedServiceAccount)
	spec.DeprecatedServiceAccount = spec.ServiceAccountName
}

// requestsFromLimits lets a limit without a request be the request as well.
func requestsFromLimits(r *corev1.ResourceRequirements) {
	if r.Limits == nil {
		return
	}
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	for name, quantity := range r.Limits {
		if _, ok := r.Requests[name]; !ok {
			r.Requests[name] = quantity.DeepCopy()
		}
	}
}

func hostPorts(containers []corev1.Container) {
	for i := range containers {
		for j := range containers[i].Ports {
			if port := &containers[i].Ports[j]; port.HostPort == 0 {
				port.HostPort = port.ContainerPort
			}
		}
	}
}

// agreeOnIP lets the one address of a pod be the first of all of them. Where they differ, the one is what counts.
func agreeOnIP(status *corev1.PodStatus) {
	switch {
	case status.PodIP == "" && len(status.PodIPs) > 0:
		status.PodIP = status.PodIPs[0].IP
	case status.PodIP != "" && (len(status.PodIPs) == 0 || status.PodIPs[0].IP != status.PodIP):
		status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	}
}
