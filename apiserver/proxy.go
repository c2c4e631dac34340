package apiserver

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/connect"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// forward hands the request on.
func (c *call) forward(way connect.Way) {
	connect.Forward(c.w, c.r, way, func(err error) {
		if _, known := err.(apierrors.APIStatus); !known {
			err = unavailable("error trying to reach service: " + err.Error())
		}
		c.fail(err)
	})
}

// rest is the path behind the proxy, with the client's trailing slash. It is empty where the client named none: whoever
// gets or heads that is sent to the same with a slash, against which the links of a page are right.
func (c *call) rest() string {
	if len(c.info.Rest) == 0 && !strings.HasSuffix(c.r.URL.Path, "/") {
		return ""
	}
	path := "/" + strings.Join(c.info.Rest, "/")
	if strings.HasSuffix(c.r.URL.Path, "/") && path != "/" {
		path += "/"
	}
	return path
}

// proxyTo forwards to an address that was looked up in the cluster's state.
func (c *call) proxyTo(scheme, host string, port string, transport http.RoundTripper) error {
	if scheme == "" {
		scheme = "http"
	}
	location := &url.URL{Scheme: scheme, Host: net.JoinHostPort(host, port), Path: c.rest(), RawQuery: c.r.URL.RawQuery}
	if transport == nil {
		transport = connect.PodTransport()
	}
	c.forward(connect.Way{Location: location, Transport: transport})
	return nil
}

func (c *call) podProxy() error {
	t, err := connect.ParseTarget(c.info.Name)
	if err != nil {
		return err
	}
	info := *c.info
	info.Name = t.Name
	named := *c
	named.info = &info
	pod, err := named.pod()
	if err != nil {
		return err
	}
	if t.Port == "" {
		t.Port = connect.FirstPort(pod)
	}
	if pod.Status.PodIP == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s has no IP address", pod.Name))
	}
	if err := connect.Proxyable(pod.Status.PodIP); err != nil {
		return err
	}
	return c.proxyTo(t.Scheme, pod.Status.PodIP, t.Port, nil)
}

func (c *call) serviceProxy() error {
	t, err := connect.ParseTarget(c.info.Name)
	if err != nil {
		return err
	}
	entry, err := c.latest(c.ctx(), t.Name)
	if err != nil {
		return err
	}
	service, ok := entry.Object.(*corev1.Service)
	if !ok {
		return apierrors.NewInternalError(entry.Err)
	}
	name, ok := connect.ServicePort(service, t.Port)
	if !ok {
		return unavailable(fmt.Sprintf("no service port %q found for service %q", t.Port, service.Name))
	}
	host, port, ok := c.endpoint(service, name)
	if !ok {
		return unavailable(fmt.Sprintf("no endpoints available for service %q", t.Name))
	}
	if err := connect.Proxyable(host); err != nil {
		return err
	}
	return c.proxyTo(t.Scheme, host, port, nil)
}

// endpoint finds one that is ready.
func (c *call) endpoint(service *corev1.Service, portName string) (host, port string, found bool) {
	at := c.kinds.Load().endpoints[discoveryv1.SchemeGroupVersion.WithResource("endpointslices")]
	if at == nil {
		return "", "", false
	}
	at.cached.Snapshot().Ascend(service.Namespace, "", func(entry *cache.Entry) bool {
		slice, ok := entry.Object.(*discoveryv1.EndpointSlice)
		if ok && slice.Labels[discoveryv1.LabelServiceName] == service.Name {
			host, port, found = connect.Endpoint(slice, portName)
		}
		return !found
	})
	return host, port, found
}

func (c *call) nodeProxy() error {
	t, err := connect.ParseTarget(c.info.Name)
	if err != nil {
		return err
	}
	if _, err := c.latest(c.ctx(), t.Name); err != nil {
		return err
	}
	kubelet, err := c.kubeletOf(t.Name)
	if err != nil {
		return err
	}
	if t.Port == "" || t.Port == kubelet.URL.Port() {
		return c.proxyTo(kubelet.URL.Scheme, kubelet.URL.Hostname(), kubelet.URL.Port(), kubelet.Transport)
	}
	if err := connect.Proxyable(kubelet.URL.Hostname()); err != nil {
		return err
	}
	return c.proxyTo(t.Scheme, kubelet.URL.Hostname(), t.Port, nil)
}
