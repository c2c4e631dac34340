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

// ParseTarget reads a Target that is a pod, a service or a node.
func ParseTarget(kind, text string) (Target, error) {
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

// Proxyable refuses addresses other than those that pods can have: not the machine's own, nor its link's.
func Proxyable(text string) error {
	address, err := netip.ParseAddr(text)
	if err != nil || address.IsLoopback() || address.IsUnspecified() || address.IsLinkLocalUnicast() || address.IsMulticast() {
		return apierrors.NewBadRequest("address not allowed")
	}
	return nil
}

// FirstPort that a pod names, or HTTP's.
func FirstPort(pod *corev1.Pod) string {
	for i := range pod.Spec.Containers {
		if ports := pod.Spec.Containers[i].Ports; len(ports) > 0 {
			return strconv.Itoa(int(ports[0].ContainerPort))
		}
	}
	return "80"
}

// ServicePort is the name of the port of a service that a client means; false when there is none.
func ServicePort(service *corev1.Service, asked string) (string, bool) {
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

// Endpoint of a slice that is ready, for the port of that name.
func Endpoint(slice *discoveryv1.EndpointSlice, portName string) (host, port string, found bool) {
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
