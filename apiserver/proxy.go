package apiserver

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/proxy"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// forward hands the request on to location. Upgrades are passed through; a refused one closes the connection behind it,
// and a kubelet's redirect is neither followed nor passed on. What pods answer to plain requests is theirs.
func (c *call) forward(location *url.URL, transport http.RoundTripper, upgradeRequired bool) {
	handler := proxy.NewUpgradeAwareHandler(location, transport, !upgradeRequired, upgradeRequired, responder{c})
	handler.UseLocationHost = true
	handler.RejectForwardingRedirects = upgradeRequired
	handler.FlushInterval = 100 * time.Millisecond
	handler.ServeHTTP(c.w, c.r)
}

// responder answers what went wrong before anything was sent.
type responder struct{ c *call }

// Error implements proxy.ErrorResponder.
func (r responder) Error(_ http.ResponseWriter, _ *http.Request, err error) {
	if _, known := err.(apierrors.APIStatus); !known {
		err = unavailable("error trying to reach service: " + err.Error())
	}
	r.c.fail(err)
}

// target is "[scheme:]name[:port]" of a proxy path.
type target struct{ scheme, name, port string }

func parseTarget(text string) (target, error) {
	parts := strings.Split(text, ":")
	switch len(parts) {
	case 1:
		return target{name: parts[0]}, nil
	case 2:
		return target{name: parts[0], port: parts[1]}, nil
	case 3:
		if parts[0] == "" || parts[0] == "http" || parts[0] == "https" {
			return target{scheme: parts[0], name: parts[1], port: parts[2]}, nil
		}
	}
	return target{}, apierrors.NewBadRequest(fmt.Sprintf("invalid proxy target %q", text))
}

// rest is the path behind the proxy, with the client's trailing slash.
func (c *call) rest() string {
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
		transport = podTransport()
	}
	c.forward(location, transport, false)
	return nil
}

// proxyable addresses are those that pods can have: not the machine's own, nor its link's.
func proxyable(text string) error {
	address, err := netip.ParseAddr(text)
	if err != nil || address.IsLoopback() || address.IsUnspecified() || address.IsLinkLocalUnicast() || address.IsMulticast() {
		return apierrors.NewBadRequest(errNotProxyable.Error())
	}
	return nil
}

func (c *call) podProxy() error {
	t, err := parseTarget(c.info.Name)
	if err != nil {
		return err
	}
	info := *c.info
	info.Name = t.name
	named := *c
	named.info = &info
	pod, err := named.pod()
	if err != nil {
		return err
	}
	if t.port == "" {
		t.port = firstPort(pod)
	}
	if pod.Status.PodIP == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s has no IP address", pod.Name))
	}
	if err := proxyable(pod.Status.PodIP); err != nil {
		return err
	}
	return c.proxyTo(t.scheme, pod.Status.PodIP, t.port, nil)
}

func firstPort(pod *corev1.Pod) string {
	for i := range pod.Spec.Containers {
		if ports := pod.Spec.Containers[i].Ports; len(ports) > 0 {
			return strconv.Itoa(int(ports[0].ContainerPort))
		}
	}
	return "80"
}

func (c *call) serviceProxy() error {
	t, err := parseTarget(c.info.Name)
	if err != nil {
		return err
	}
	entry, err := c.latest(c.ctx(), t.name)
	if err != nil {
		return err
	}
	service, ok := entry.Object.(*corev1.Service)
	if !ok {
		return apierrors.NewInternalError(entry.Err)
	}
	name, err := servicePort(service, t.port)
	if err != nil {
		return err
	}
	host, port, ok := c.endpoint(service, name)
	if !ok {
		return unavailable(fmt.Sprintf("no endpoints available for service %q", t.name))
	}
	if err := proxyable(host); err != nil {
		return err
	}
	return c.proxyTo(t.scheme, host, port, nil)
}

// servicePort is the name of the port that a client means.
func servicePort(service *corev1.Service, asked string) (string, error) {
	if asked == "" && len(service.Spec.Ports) > 0 {
		return service.Spec.Ports[0].Name, nil
	}
	for i := range service.Spec.Ports {
		if port := &service.Spec.Ports[i]; port.Name == asked || strconv.Itoa(int(port.Port)) == asked {
			return port.Name, nil
		}
	}
	return "", unavailable(fmt.Sprintf("no service port %q found for service %q", asked, service.Name))
}

// endpoint finds one that is ready.
func (c *call) endpoint(service *corev1.Service, portName string) (host, port string, found bool) {
	at := c.kinds.Load().endpoints[discoveryv1.SchemeGroupVersion.WithResource("endpointslices")]
	if at == nil {
		return "", "", false
	}
	at.cached.Snapshot().Ascend(service.Namespace, "", func(entry *cache.Entry) bool {
		slice, ok := entry.Object.(*discoveryv1.EndpointSlice)
		if !ok || slice.Labels[discoveryv1.LabelServiceName] != service.Name {
			return true
		}
		i := slices.IndexFunc(slice.Ports, func(p discoveryv1.EndpointPort) bool { return ptr.Deref(p.Name, "") == portName && p.Port != nil })
		if i < 0 {
			return true
		}
		for j := range slice.Endpoints {
			e := &slice.Endpoints[j]
			if ptr.Deref(e.Conditions.Ready, true) && len(e.Addresses) > 0 {
				host, port, found = e.Addresses[0], strconv.Itoa(int(*slice.Ports[i].Port)), true
				return false
			}
		}
		return true
	})
	return host, port, found
}

func (c *call) nodeProxy() error {
	t, err := parseTarget(c.info.Name)
	if err != nil {
		return err
	}
	if _, err := c.latest(c.ctx(), t.name); err != nil {
		return err
	}
	kubelet, err := c.kubeletOf(t.name)
	if err != nil {
		return err
	}
	if t.port == "" || t.port == kubelet.URL.Port() {
		return c.proxyTo(kubelet.URL.Scheme, kubelet.URL.Hostname(), kubelet.URL.Port(), kubelet.Transport)
	}
	if err := proxyable(kubelet.URL.Hostname()); err != nil {
		return err
	}
	return c.proxyTo(t.scheme, kubelet.URL.Hostname(), t.port, nil)
}

// podTransport reaches what runs in the cluster; its certificates are nobody's business but its own.
func podTransport() http.RoundTripper {
	return &http.Transport{
		DialContext:       (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSClientConfig:   insecure(),
		DisableKeepAlives: true, MaxResponseHeaderBytes: 1 << 20,
	}
}

func insecure() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // the contract of the proxy: whatever certificate a pod has
}
