package service

import (
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Row of services.
func Row() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "services",
		Singular:   "service",
		Kind:       "Service",
		ShortNames: []string{"svc"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Service],
			NewList: resource.NewList[corev1.ServiceList],
			Default: resource.Defaulter(setDefaults),
		}},
		Columns:                  columns(),
		Cells:                    resource.Row(cells),
		FieldNames:               []string{"spec.clusterIP", "spec.type"},
		Fields:                   resource.Select(selectable),
		PrepareCreate:            resource.OnCreate(prepare),
		PrepareUpdate:            resource.OnUpdate(prepareUpdate),
		Validate:                 resource.Check(validate),
		ValidateUpdate:           resource.CheckUpdate(validateUpdate),
		ValidateName:             apivalidation.NameIsDNSLabel,
		Warnings:                 resource.Warn(warn),
		StoragePrefix:            "services/specs",
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
		Subresources:             []resource.Subresource{resource.Proxy("ServiceProxyOptions")},
	}, func(s *corev1.Service) (*corev1.ServiceSpec, *corev1.ServiceStatus) {
		return &s.Spec, &s.Status
	}, resource.NoGeneration())
}

func selectable(s *corev1.Service) fields.Set {
	return fields.Set{"spec.clusterIP": s.Spec.ClusterIP, "spec.type": string(s.Spec.Type)}
}

func setDefaults(s *corev1.Service) {
	spec := &s.Spec
	resource.SetZero(&spec.SessionAffinity, corev1.ServiceAffinityNone)
	resource.SetZero(&spec.Type, corev1.ServiceTypeClusterIP)
	defaultAffinity(spec)
	for i := range spec.Ports {
		port := &spec.Ports[i]
		resource.SetZero(&port.Protocol, corev1.ProtocolTCP)
		if port.TargetPort == intstr.FromInt32(0) || port.TargetPort == intstr.FromString("") {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
	if externallyReachable(spec) {
		resource.SetZero(&spec.ExternalTrafficPolicy, corev1.ServiceExternalTrafficPolicyCluster)
	}
	if spec.InternalTrafficPolicy == nil && hasClusterIP(spec) {
		spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyCluster)
	}
	if spec.Type == corev1.ServiceTypeLoadBalancer && spec.AllocateLoadBalancerNodePorts == nil {
		spec.AllocateLoadBalancerNodePorts = ptr.To(true)
	}
	for i := range s.Status.LoadBalancer.Ingress {
		if ingress := &s.Status.LoadBalancer.Ingress[i]; ingress.IP != "" && ingress.IPMode == nil && spec.Type == corev1.ServiceTypeLoadBalancer {
			ingress.IPMode = ptr.To(corev1.LoadBalancerIPModeVIP)
		}
	}
}

func defaultAffinity(spec *corev1.ServiceSpec) {
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		if spec.SessionAffinityConfig == nil || spec.SessionAffinityConfig.ClientIP == nil || spec.SessionAffinityConfig.ClientIP.TimeoutSeconds == nil {
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{
				ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To(corev1.DefaultClientIPServiceAffinitySeconds)},
			}
		}
	}
}

// hasClusterIP says whether a service of this type has an address in the cluster, if it is not headless.
func hasClusterIP(spec *corev1.ServiceSpec) bool {
	switch spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer:
		return true
	}
	return false
}

// externallyReachable says whether traffic from outside the cluster can reach the service.
func externallyReachable(spec *corev1.ServiceSpec) bool {
	return spec.Type == corev1.ServiceTypeLoadBalancer || spec.Type == corev1.ServiceTypeNodePort ||
		spec.Type == corev1.ServiceTypeClusterIP && len(spec.ExternalIPs) > 0
}
