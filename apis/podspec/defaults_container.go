package podspec

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func defaultContainer(c *corev1.Container) {
	resource.SetZero(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	resource.SetZero(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	resource.SetZero(&c.ImagePullPolicy, pullPolicy(c.Image))
	for i := range c.Ports {
		resource.SetZero(&c.Ports[i].Protocol, corev1.ProtocolTCP)
	}
	for i := range c.Env {
		if from := c.Env[i].ValueFrom; from != nil {
			defaultFieldRef(from.FieldRef)
			if from.FileKeyRef != nil {
				resource.SetPtr(&from.FileKeyRef.Optional, false)
			}
		}
	}
	roundResources(&c.Resources)
	defaultProbe(c.LivenessProbe)
	defaultProbe(c.ReadinessProbe)
	defaultProbe(c.StartupProbe)
	if c.Lifecycle != nil {
		defaultLifecycleHandler(c.Lifecycle.PostStart)
		defaultLifecycleHandler(c.Lifecycle.PreStop)
	}
}

// pullPolicy of an image: a moving tag is always pulled.
func pullPolicy(image string) corev1.PullPolicy {
	if tag(image) == "latest" {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

// references are what images can be called.
var references = regexp.MustCompile(`^([a-zA-Z0-9.:\[\]-]+/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`)

// tag of an image reference: "latest" when it names neither a tag nor a digest, "" when it is none.
func tag(image string) string {
	if !references.MatchString(image) {
		return ""
	}
	name, _, digested := strings.Cut(image, "@")
	last := name[strings.LastIndex(name, "/")+1:]
	if _, tag, ok := strings.Cut(last, ":"); ok {
		return tag
	}
	if digested {
		return ""
	}
	return "latest"
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

func defaultFieldRef(ref *corev1.ObjectFieldSelector) {
	if ref != nil {
		resource.SetZero(&ref.APIVersion, "v1")
	}
}
