package networking

import (
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

func validateIngress(i *networkingv1.Ingress) field.ErrorList {
	spec, path := &i.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if spec.DefaultBackend == nil && len(spec.Rules) == 0 {
		errs = append(errs, field.Invalid(path, spec.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if spec.DefaultBackend != nil {
		errs = append(errs, validateIngressBackend(spec.DefaultBackend, path.Child("defaultBackend"))...)
	}
	for n := range spec.Rules {
		errs = append(errs, validateIngressRule(&spec.Rules[n], path.Child("rules").Index(n))...)
	}
	for n := range spec.TLS {
		errs = append(errs, validateIngressTLS(&spec.TLS[n], path.Child("tls").Index(n))...)
	}
	if spec.IngressClassName != nil {
		errs = append(errs, check.Messages(path.Child("ingressClassName"), *spec.IngressClassName, apivalidation.NameIsDNSSubdomain(*spec.IngressClassName, false))...)
	}
	return errs
}

func validateIngressUpdate(i, _ *networkingv1.Ingress) field.ErrorList {
	return validateIngress(i)
}

func validateIngressTLS(tls *networkingv1.IngressTLS, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, host := range tls.Hosts {
		errs = append(errs, validateHost(host, path.Child("hosts").Index(i))...)
	}
	if tls.SecretName != "" {
		errs = append(errs, check.Subdomain(path.Child("secretName"), tls.SecretName)...)
	}
	return errs
}

func validateHost(host string, path *field.Path) field.ErrorList {
	if strings.Contains(host, "*") {
		return check.Messages(path, host, validation.IsWildcardDNS1123Subdomain(host))
	}
	return check.Subdomain(path, host)
}

func validateIngressRule(rule *networkingv1.IngressRule, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if rule.Host != "" {
		at := path.Child("host")
		if netutils.ParseIPSloppy(rule.Host) != nil {
			errs = append(errs, field.Invalid(at, rule.Host, "must be a DNS name, not an IP address"))
		}
		errs = append(errs, validateHost(rule.Host, at)...)
	}
	if rule.HTTP == nil {
		return errs
	}
	at := path.Child("http", "paths")
	if len(rule.HTTP.Paths) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	for i := range rule.HTTP.Paths {
		errs = append(errs, validateIngressPath(&rule.HTTP.Paths[i], at.Index(i))...)
	}
	return errs
}

func validateIngressPath(p *networkingv1.HTTPIngressPath, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if p.PathType == nil {
		return field.ErrorList{field.Required(path.Child("pathType"), "pathType must be specified")}
	}
	absolute := strings.HasPrefix(p.Path, "/")
	at := path.Child("path")
	switch *p.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !absolute {
			errs = append(errs, field.Invalid(at, p.Path, "must be an absolute path"))
		}
		if len(p.Path) > 0 {
			errs = append(errs, validatePathSteps(p.Path, at)...)
		}
	case networkingv1.PathTypeImplementationSpecific:
		if len(p.Path) > 0 && !absolute {
			errs = append(errs, field.Invalid(at, p.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, field.NotSupported(path.Child("pathType"), *p.PathType, []networkingv1.PathType{
			networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix}))
	}
	return append(errs, validateIngressBackend(&p.Backend, path.Child("backend"))...)
}

// validatePathSteps checks that a path means the same to all who read it.
func validatePathSteps(value string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, part := range []string{"//", "/./", "/../", "%2f", "%2F"} {
		if strings.Contains(value, part) {
			errs = append(errs, field.Invalid(path, value, "must not contain '"+part+"'"))
		}
	}
	for _, end := range []string{"/..", "/."} {
		if strings.HasSuffix(value, end) {
			errs = append(errs, field.Invalid(path, value, "cannot end with '"+end+"'"))
		}
	}
	return errs
}

func validateIngressBackend(b *networkingv1.IngressBackend, path *field.Path) field.ErrorList {
	switch {
	case b.Resource != nil && b.Service != nil:
		return field.ErrorList{field.Invalid(path, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return validateReference(b.Resource.APIGroup, b.Resource.Kind, b.Resource.Name, path.Child("resource"))
	case b.Service != nil:
		return validateServiceBackend(b.Service, path)
	}
	return field.ErrorList{field.Invalid(path, "", "resource or service backend is required")}
}

func validateServiceBackend(s *networkingv1.IngressServiceBackend, path *field.Path) field.ErrorList {
	at := path.Child("service")
	var errs field.ErrorList
	if s.Name == "" {
		errs = append(errs, field.Required(at.Child("name"), ""))
	} else {
		errs = append(errs, check.Messages(at.Child("name"), s.Name, validation.IsDNS1123Label(s.Name))...)
	}
	switch {
	case s.Port.Name != "" && s.Port.Number != 0:
		errs = append(errs, field.Invalid(path, "", "cannot set both port name & port number"))
	case s.Port.Name != "":
		errs = append(errs, check.Messages(at.Child("port", "name"), s.Port.Name, validation.IsValidPortName(s.Port.Name))...)
	case s.Port.Number != 0:
		errs = append(errs, check.Port(at.Child("port", "number"), s.Port.Number)...)
	default:
		errs = append(errs, field.Required(path, "port name or number is required"))
	}
	return errs
}

// validateReference checks a reference to an object of any kind.
func validateReference(group *string, kind, name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if group != nil {
		errs = append(errs, check.Subdomain(path.Child("apiGroup"), *group)...)
	}
	errs = append(errs, check.RequiredSegment(path.Child("kind"), kind)...)
	return append(errs, check.RequiredSegment(path.Child("name"), name)...)
}

func validateIngressStatus(i, old *networkingv1.Ingress) field.ErrorList {
	var known []string
	for _, one := range old.Status.LoadBalancer.Ingress {
		known = append(known, one.IP)
	}
	var errs field.ErrorList
	for n, one := range i.Status.LoadBalancer.Ingress {
		path := field.NewPath("status", "loadBalancer", "ingress").Index(n)
		if one.IP != "" {
			errs = append(errs, check.IP(path.Child("ip"), one.IP, known...)...)
		}
		if one.Hostname == "" {
			continue
		}
		errs = append(errs, check.Subdomain(path.Child("hostname"), one.Hostname)...)
		if netutils.ParseIPSloppy(one.Hostname) != nil {
			errs = append(errs, field.Invalid(path.Child("hostname"), one.Hostname, "must be a DNS name, not an IP address"))
		}
	}
	return errs
}
