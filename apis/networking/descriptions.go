package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"ingressclasses": {
			"Controller": "Controller that is responsible for handling this class",
			"Parameters": "A reference to a resource with additional parameters",
		},
		"ingresses": {
			"Class":   "The name of the IngressClass resource that should be used for additional configuration",
			"Hosts":   "Hosts that incoming requests are matched against before the ingress rule",
			"Address": "Address is a list containing ingress points for the load-balancer",
			"Ports":   "Ports of TLS configurations that open",
		},
		"ipaddresses":  {"ParentRef": networkingv1.IPAddressSpec{}.SwaggerDoc()["parentRef"]},
		"servicecidrs": {"CIDRs": networkingv1.ServiceCIDRSpec{}.SwaggerDoc()["cidrs"]},
		"networkpolicies": {
			"Pod-Selector": networkingv1.NetworkPolicySpec{}.SwaggerDoc()["podSelector"],
		},
	}
}
