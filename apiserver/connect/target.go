package connect

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"
)

// Target is "[scheme:]name[:port]" of a proxy path.
type Target struct{ Scheme, Name, Port string }

// parseTarget reads a Target that is a pod, a service or a node.
func parseTarget(kind, text string) (Target, error) {
	parts := strings.Split(text, ":")
	switch len(parts) {
	case 1:
		return Target{Name: parts[0]}, nil
	case 2:
		return Target{Name: parts[0], Port: parts[1]}, nil
	case 3:
		if parts[0] == "" || parts[0] == "http" || parts[0] == "https" {
			return Target{Scheme: parts[0], Name: parts[1], Port: parts[2]}, nil
		}
	}
	return Target{}, apierrors.NewBadRequest(fmt.Sprintf("invalid %s request %q", kind, text))
}

// proxyable refuses addresses other than those that pods can have: not the machine's own, nor its link's.
func proxyable(text string) error {
	address, err := netip.ParseAddr(text)
	if err != nil || address.IsLoopback() || address.IsUnspecified() || address.IsLinkLocalUnicast() || address.IsMulticast() {
		return apierrors.NewBadRequest("address not allowed")
	}
	return nil
}

// firstPort that a pod names, or HTTP's.
func firstPort(pod *corev1.Pod) string {
	for i := range pod.Spec.Containers {
		if ports := pod.Spec.Containers[i].Ports; len(ports) > 0 {
			return strconv.Itoa(int(ports[0].ContainerPort))
		}
	}
	return "80"
}

// servicePort is the name of the port of a service that a client means; false when there is none.
func servicePort(service *corev1.Service, asked string) (string, bool) {
	if asked == "" && len(service.Spec.Ports) > 0 {
		return service.Spec.Ports[0].Name, true
	}
	for i := range service.Spec.Ports {
		if port := &service.Spec.Ports[i]; port.Name == asked || strconv.Itoa(int(port.Port)) == asked {
			return port.Name, true
		}
	}
	return "", false
}

// endpoint of a slice that is ready, for the port of that name.
func endpoint(slice *discoveryv1.EndpointSlice, portName string) (host, port string, found bool) {
	i := slices.IndexFunc(slice.Ports, func(p discoveryv1.EndpointPort) bool { return ptr.Deref(p.Name, "") == portName && p.Port != nil })
	if i < 0 {
		return "", "", false
	}
	for j := range slice.Endpoints {
		e := &slice.Endpoints[j]
		if ptr.Deref(e.Conditions.Ready, true) && len(e.Addresses) > 0 {
			return e.Addresses[0], strconv.Itoa(int(*slice.Ports[i].Port)), true
		}
	}
	return "", "", false
}
