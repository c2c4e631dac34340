package webhookclient

import (
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Resolver says at which address a port of a Service is reached.
type Resolver interface {
	// Resolve returns "host:port".
	Resolve(namespace, name string, port int32) (string, error)
}

// Services resolves to an endpoint that is ready, or to the cluster IP.
type Services struct {
	Lister auth.Lister
	// ClusterIP goes the way that pods go. It needs a proxy on this machine.
	ClusterIP bool
	// Local is the address of this server, for the Service kubernetes in default; "" for none.
	Local func() string
}

// Resolve implements Resolver.
func (s *Services) Resolve(namespace, name string, port int32) (string, error) {
	if namespace == "default" && name == "kubernetes" && s.Local != nil {
		if local := s.Local(); local != "" {
			return local, nil
		}
	}
	service, ok := auth.Get[*corev1.Service](s.Lister, schema.GroupResource{Resource: "services"}, namespace, name)
	if !ok {
		return "", apierrors.NewNotFound(schema.GroupResource{Resource: "service"}, name)
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return net.JoinHostPort(service.Spec.ExternalName, strconv.Itoa(int(port))), nil
	}
	found := portOf(service, port)
	if found == nil {
		return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no service port %v found for service %q", port, name))
	}
	if s.ClusterIP && service.Spec.ClusterIP != "" && service.Spec.ClusterIP != corev1.ClusterIPNone {
		return net.JoinHostPort(service.Spec.ClusterIP, strconv.Itoa(int(port))), nil
	}
	ready := s.endpoints(service, found.Name)
	if len(ready) == 0 {
		return "", apierrors.NewServiceUnavailable(fmt.Sprintf("no endpoints available for service %q", name))
	}
	return ready[rand.IntN(len(ready))], nil //nolint:gosec // spreading load, not keeping secrets
}

func portOf(service *corev1.Service, port int32) *corev1.ServicePort {
	for i := range service.Spec.Ports {
		if service.Spec.Ports[i].Port == port {
			return &service.Spec.Ports[i]
		}
	}
	return nil
}

func (s *Services) endpoints(service *corev1.Service, portName string) []string {
	slices := auth.List[*discoveryv1.EndpointSlice](s.Lister, schema.GroupResource{Group: discoveryv1.GroupName, Resource: "endpointslices"}, service.Namespace)
	var ready []string
	for _, slice := range slices {
		if slice.Labels[discoveryv1.LabelServiceName] != service.Name {
			continue
		}
		for _, port := range slice.Ports {
			if port.Port == nil || ptr.Deref(port.Name, "") != portName {
				continue
			}
			for i := range slice.Endpoints {
				e := &slice.Endpoints[i]
				if ptr.Deref(e.Conditions.Ready, true) && len(e.Addresses) > 0 {
					ready = append(ready, net.JoinHostPort(e.Addresses[0], strconv.Itoa(int(*port.Port))))
				}
			}
		}
	}
	return ready
}
