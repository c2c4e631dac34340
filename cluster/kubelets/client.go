package kubelets

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/connect"
)

// Client reaches the kubelets of all nodes at the addresses that the nodes report.
type Client struct {
	nodes     auth.Lister
	transport *http.Transport
}

var _ connect.Kubelets = &Client{}

// New finds nodes by the lister. What it calls them by, and whom it believes, is in config.
func New(nodes auth.Lister, config *tls.Config) *Client {
	return &Client{nodes: nodes, transport: &http.Transport{
		TLSClientConfig:     config,
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 4, IdleConnTimeout: 90 * time.Second,
	}}
}

// Node implements connect.Kubelets.
func (k *Client) Node(_ context.Context, name string) (*connect.Kubelet, error) {
	node, ok := auth.Get[*corev1.Node](k.nodes, schema.GroupResource{Resource: "nodes"}, "", name)
	if !ok {
		return nil, fmt.Errorf("node %q does not exist", name)
	}
	for _, kind := range []corev1.NodeAddressType{corev1.NodeInternalIP, corev1.NodeHostName} {
		for _, address := range node.Status.Addresses {
			if address.Type == kind {
				host := net.JoinHostPort(address.Address, strconv.Itoa(int(node.Status.DaemonEndpoints.KubeletEndpoint.Port)))
				return &connect.Kubelet{URL: &url.URL{Scheme: "https", Host: host}, Transport: k.transport}, nil
			}
		}
	}
	return nil, fmt.Errorf("node %q has no address", name)
}
