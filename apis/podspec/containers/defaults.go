package containers

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/downward"
	"github.com/coxswain-k8s/coxswain/apis/podspec/imageref"
	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Default completes a container.
func Default(c *corev1.Container) {
	resource.SetZero(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	resource.SetZero(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	resource.SetZero(&c.ImagePullPolicy, imageref.PullPolicy(c.Image))
	for i := range c.Ports {
		resource.SetZero(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if from := c.Env[i].ValueFrom; from != nil {
			downward.DefaultField(from.FieldRef)
			if from.FileKeyRef != nil {
				resource.SetPtr(&from.FileKeyRef.Optional, false)
			}
		}
	}
	resources.Round(&c.Resources)
	defaultProbe(c.LivenessProbe)
	defaultProbe(c.ReadinessProbe)
	defaultProbe(c.StartupProbe)
	if c.Lifecycle != nil {
		defaultLifecycleHandler(c.Lifecycle.PostStart)
		defaultLifecycleHandler(c.Lifecycle.PreStop)
	}
}

func defaultProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	resource.SetZero(&p.TimeoutSeconds, 1)
	resource.SetZero(&p.PeriodSeconds, 10)
	resource.SetZero(&p.SuccessThreshold, 1)
	resource.SetZero(&p.FailureThreshold, 3)
	defaultHTTPGet(p.HTTPGet)
	if p.GRPC != nil && p.GRPC.Service == nil {
		p.GRPC.Service = ptr.To("")
	}
}

func defaultLifecycleHandler(h *corev1.LifecycleHandler) {
	if h != nil {
		defaultHTTPGet(h.HTTPGet)
	}
}

func defaultHTTPGet(get *corev1.HTTPGetAction) {
	if get != nil {
		resource.SetZero(&get.Path, "/")
		resource.SetZero(&get.Scheme, corev1.URISchemeHTTP)
	}
}
