package networking

import (
	"slices"
	"strings"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func ingressCells(i *networkingv1.Ingress, now time.Time) []any {
	class := i.Annotations["kubernetes.io/ingress.class"]
	if i.Spec.IngressClassName != nil {
		class = *i.Spec.IngressClassName
	}
	ports := "80"
	if len(i.Spec.TLS) > 0 {
		ports = "80, 443"
	}
	return []any{i.Name, resource.OrNone(class), hosts(i.Spec.Rules), addresses(i.Status.LoadBalancer.Ingress), ports, resource.AgeOf(i, now)}
}

func hosts(rules []networkingv1.IngressRule) string {
	const shown = 3
	var out []string
	for _, rule := range rules {
		if rule.Host != "" {
			out = append(out, rule.Host)
		}
	}
	return resource.FirstOf(out, shown, "*")
}

func addresses(ingress []networkingv1.IngressLoadBalancerIngress) string {
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
	return strings.Join(slices.Compact(out), ",")
}

func ingressClassCells(c *networkingv1.IngressClass, now time.Time) []any {
	parameters := resource.None
	if p := c.Spec.Parameters; p != nil {
		parameters = p.Kind
		if p.APIGroup != nil {
			parameters += "." + *p.APIGroup
		}
		parameters += "/" + p.Name
	}
	return []any{c.Name, c.Spec.Controller, parameters, resource.AgeOf(c, now)}
}

// ipAddressCells are one more than there are columns, as upstream's.
func ipAddressCells(a *networkingv1.IPAddress, now time.Time) []any {
	parent := resource.None
	if ref := a.Spec.ParentRef; ref != nil {
		parent = ref.Resource
		if ref.Group != "" {
			parent += "." + ref.Group
		}
		parent += "/" + ref.Namespace + "/" + ref.Name
	}
	return []any{a.Name, parent, resource.AgeOf(a, now)}
}

func networkPolicyCells(p *networkingv1.NetworkPolicy, now time.Time) []any {
	return []any{p.Name, metav1.FormatLabelSelector(&p.Spec.PodSelector), resource.AgeOf(p, now)}
}

func serviceCIDRCells(c *networkingv1.ServiceCIDR, now time.Time) []any {
	return []any{c.Name, strings.Join(c.Spec.CIDRs, ","), resource.AgeOf(c, now)}
}
