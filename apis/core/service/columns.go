package service

import (
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func columns() []metav1.TableColumnDefinition {
	return resource.Columns("Name:name", "Type", "Cluster-IP", "External-IP", "Port(s)", "Age", "Selector:wide")
}

func cells(s *corev1.Service, now time.Time) []any {
	clusterIP := resource.None
	if len(s.Spec.ClusterIPs) > 0 {
		clusterIP = s.Spec.ClusterIPs[0]
	}
	return []any{
		s.Name,
		string(s.Spec.Type),
		clusterIP,
		externalIP(s),
		portsOf(s.Spec.Ports),
		resource.AgeOf(s, now),
		labels.FormatLabels(s.Spec.Selector),
	}
}

func externalIP(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort:
		return resource.OrNone(strings.Join(s.Spec.ExternalIPs, ","))
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		addresses := append(balancerAddresses(s.Status.LoadBalancer.Ingress), s.Spec.ExternalIPs...)
		if len(addresses) == 0 {
			return "<pending>"
		}
		return strings.Join(addresses, ",")
	}
	return resource.Unknown
}

func balancerAddresses(ingress []corev1.LoadBalancerIngress) []string {
	var out []string
	for _, i := range ingress {
		switch {
		case i.IP != "":
			out = append(out, i.IP)
		case i.Hostname != "":
			out = append(out, i.Hostname)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func portsOf(ports []corev1.ServicePort) string {
	out := make([]string, 0, len(ports))
	for _, p := range ports {
		text := fmt.Sprintf("%d/%s", p.Port, p.Protocol)
		if p.NodePort > 0 {
			text = fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol)
		}
		out = append(out, text)
	}
	return resource.OrNone(strings.Join(out, ","))
}
