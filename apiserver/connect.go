package apiserver

import (
	"context"
	"fmt"
	"net/http"
	"net/url"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/connect"
)

// NodeConnections reaches the kubelets.
type NodeConnections interface {
	// Node returns where a node's kubelet listens and how to talk to it. Its address is looked up and checked at
	// each call, and what was checked is what is dialled.
	Node(ctx context.Context, name string) (*NodeConnection, error)
}

// NodeConnection is the way to one kubelet.
type NodeConnection struct {
	URL *url.URL // https://10.0.0.1:10250
	// Transport dials the kubelet with the client certificate that it trusts, by HTTP/1.1.
	Transport *http.Transport
}

// connect joins the client with a container, a pod, a service or a node.
func (c *call) connect() error {
	if c.sub.Name == "log" { // is read, and not connected to
		return c.podLog()
	}
	attributes := c.attributes(admission.Connect, nil, nil, writeOptions{})
	attributes.Options, attributes.Object = nil, c.connectOptions()
	if err := c.Admission.Admit(c.ctx(), attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.ctx(), attributes); err != nil {
		return err
	}
	switch c.at.row.Name + "/" + c.sub.Name {
	case "pods/exec", "pods/attach":
		return c.podStreams()
	case "pods/portforward":
		return c.podPortForward()
	case "pods/proxy":
		return c.podProxy()
	case "services/proxy":
		return c.serviceProxy()
	}
	return c.nodeProxy()
}

// connectOptions are the query parameters of a connection, as admission sees them.
func (c *call) connectOptions() runtime.Object {
	query := c.r.URL.Query()
	options := connect.Options(c.gvk().Kind, query, c.rest())
	if options != nil {
		options.GetObjectKind().SetGroupVersionKind(c.gvk())
	}
	return options
}

func (c *call) pod() (*corev1.Pod, error) {
	entry, err := c.latest(c.ctx(), c.info.Name)
	if err != nil {
		return nil, err
	}
	obj, err := c.at.object(c.ctx(), entry)
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Pod), nil
}

func (c *call) kubeletOf(node string) (*NodeConnection, error) {
	if c.Nodes == nil {
		return nil, unavailable("this server has no way to its nodes")
	}
	nodes := c.kinds.Load().endpoints[corev1.SchemeGroupVersion.WithResource("nodes")]
	if nodes != nil {
		if _, found := nodes.cached.GetKey(nodes.key("", node)); !found {
			return nil, c.notFound(node)
		}
	}
	return c.Nodes.Node(c.ctx(), node)
}

// podStreams are exec and attach.
func (c *call) podStreams() error {
	pod, err := c.pod()
	if err != nil {
		return err
	}
	query := c.r.URL.Query()
	container, err := connect.Container(pod, query.Get("container"))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	params, err := connect.StreamQuery(c.sub.Name, query)
	if err != nil {
		return err
	}
	return c.toKubelet(pod.Spec.NodeName, "/"+c.sub.Name+"/"+pod.Namespace+"/"+pod.Name+"/"+container, params)
}

func (c *call) podPortForward() error {
	pod, err := c.pod()
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	return c.toKubelet(pod.Spec.NodeName, "/portForward/"+pod.Namespace+"/"+pod.Name, connect.PortQuery(c.r.URL.Query()))
}

// toKubelet hands a streaming request on.
func (c *call) toKubelet(node, path string, params url.Values) error {
	kubelet, err := c.kubeletOf(node)
	if err != nil {
		return err
	}
	location := *kubelet.URL
	location.Path, location.RawQuery = path, params.Encode()
	c.forward(connect.Way{Location: &location, Transport: kubelet.Transport, Upgrade: true})
	return nil
}
