package connect

import (
	"context"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// Kubelets reaches the kubelets.
type Kubelets interface {
	// Node returns where a node's kubelet listens and how to talk to it. Its address is looked up and checked at
	// each call, and what was checked is what is dialled.
	Node(ctx context.Context, name string) (*Kubelet, error)
}

// Kubelet is the way to one kubelet.
type Kubelet struct {
	URL *url.URL // https://10.0.0.1:10250
	// Transport dials the kubelet with the client certificate that it trusts, by HTTP/1.1.
	Transport *http.Transport
}

func (c Verbs) kubeletOf(node string) (*Kubelet, error) {
	if c.Nodes == nil {
		return nil, refusal.Unavailable("this server has no way to its nodes")
	}
	nodes := c.Served.Now().Endpoints[corev1.SchemeGroupVersion.WithResource("nodes")]
	if nodes != nil {
		if _, found := nodes.Cached.GetKey(nodes.Key("", node)); !found {
			return nil, c.NotFound(node)
		}
	}
	return c.Nodes.Node(c.Context(), node)
}

// toKubelet hands a streaming request on.
func (c Verbs) toKubelet(node, path string, params url.Values) error {
	kubelet, err := c.kubeletOf(node)
	if err != nil {
		return err
	}
	location := *kubelet.URL
	location.Path, location.RawQuery = path, params.Encode()
	c.forward(Way{Location: &location, Transport: kubelet.Transport, Upgrade: true})
	return nil
}
