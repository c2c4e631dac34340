package connect

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// forward hands the request on.
func (c Verbs) forward(way Way) {
	forward(c.W, c.R, way, func(err error) {
		if _, known := err.(apierrors.APIStatus); !known {
			err = refusal.Unavailable("error trying to reach service: " + err.Error())
		}
		c.Fail(err)
	})
}

// rest is the path behind the proxy, with the client's trailing slash. It is empty where the client named none: whoever
// gets or heads that is sent to the same with a slash, against which the links of a page are right.
func (c Verbs) rest() string {
	if len(c.Info.Rest) == 0 && !strings.HasSuffix(c.R.URL.Path, "/") {
		return ""
	}
	path := "/" + strings.Join(c.Info.Rest, "/")
	if strings.HasSuffix(c.R.URL.Path, "/") && path != "/" {
		path += "/"
	}
	return path
}

// proxyTo forwards to an address that was looked up in the cluster's state.
func (c Verbs) proxyTo(scheme, host string, port string, transport http.RoundTripper) error {
	if scheme == "" {
		scheme = "http"
	}
	location := &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: c.rest(), RawQuery: c.R.URL.RawQuery}
	if transport == nil {
		transport = PodTransport()
	}
	c.forward(Way{Location: location, Transport: transport})
	return nil
}

func (c Verbs) podProxy() error {
	t, err := parseTarget("pod", c.Info.Name)
	if err != nil {
		return err
	}
	info := *c.Info
	info.Name = t.Name
	pod, err := Verbs{c.On(c.At, &info, c.Sub), c.Nodes}.pod()
	if err != nil {
		return err
	}
	if t.Port == "" {
		t.Port = firstPort(pod)
	}
	if err := proxyable(pod.Status.PodIP); err != nil {
		return err
	}
	return c.proxyTo(t.Scheme, pod.Status.PodIP, t.Port, nil)
}

// serviceProxy goes to one of the endpoints of the Service that are ready, at the port that is named.
func (c Verbs) serviceProxy() error {
	t, err := parseTarget("service", c.Info.Name)
	if err != nil {
		return err
	}
	entry, err := c.Latest(c.Context(), t.Name)
	if err != nil {
		return err
	}
	service, ok := entry.Object.(*corev1.Service)
	if !ok {
		return apierrors.NewInternalError(entry.Err)
	}
	name, ok := servicePort(service, t.Port)
	if !ok {
		port := t.Port
		if _, err := strconv.Atoi(port); err != nil && !c.hasEndpoints(service) {
			return refusal.Unavailable(fmt.Sprintf("no endpoints available for service %q", t.Name))
		}
		if _, err := strconv.Atoi(port); err != nil {
			port = strconv.Quote(port)
		}
		return refusal.Unavailable(fmt.Sprintf("no service port %s found for service %q", port, service.Name))
	}
	host, port, ok := c.endpoint(service, name)
	if !ok {
		return refusal.Unavailable(fmt.Sprintf("no endpoints available for service %q", t.Name))
	}
	if err := proxyable(host); err != nil {
		return err
	}
	return c.proxyTo(t.Scheme, host, port, nil)
}

// hasEndpoints says whether any is ready.
func (c Verbs) hasEndpoints(service *corev1.Service) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(port corev1.ServicePort) bool {
		_, _, found := c.endpoint(service, port.Name)
		return found
	})
}

// endpoint finds one that is ready.
func (c Verbs) endpoint(service *corev1.Service, portName string) (host, port string, found bool) {
	at := c.Served.Now().Endpoints[discoveryv1.SchemeGroupVersion.WithResource("endpointslices")]
	if at == nil {
		return "", "", false
	}
	at.Cached.Snapshot().Ascend(service.Namespace, "", func(entry *cache.Entry) bool {
		slice, ok := entry.Object.(*discoveryv1.EndpointSlice)
		if ok && slice.Labels[discoveryv1.LabelServiceName] == service.Name {
			host, port, found = endpoint(slice, portName)
		}
		return !found
	})
	return host, port, found
}

func (c Verbs) nodeProxy() error {
	t, err := parseTarget("node", c.Info.Name)
	if err != nil {
		return err
	}
	if _, err := c.Latest(c.Context(), t.Name); err != nil {
		return err
	}
	kubelet, err := c.kubeletOf(t.Name)
	if err != nil {
		return err
	}
	if t.Port == "" || t.Port == kubelet.URL.Port() {
		return c.proxyTo(kubelet.URL.Scheme, kubelet.URL.Hostname(), kubelet.URL.Port(), kubelet.Transport)
	}
	if err := proxyable(kubelet.URL.Hostname()); err != nil {
		return err
	}
	return c.proxyTo(t.Scheme, kubelet.URL.Hostname(), t.Port, nil)
}
