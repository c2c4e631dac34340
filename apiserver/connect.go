package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
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
	container, err := containerOf(pod, query.Get("container"))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	params := url.Values{}
	for from, to := range map[string]string{"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"} {
		if isSet(query.Get(from)) {
			params.Set(to, "1")
		}
	}
	if c.sub.Name == "exec" {
		if len(query["command"]) == 0 {
			return apierrors.NewBadRequest("you must specify at least 1 command for the container")
		}
		params["command"] = query["command"]
	}
	if len(params) == len(params["command"]) && params.Get("input")+params.Get("output")+params.Get("error") == "" {
		return apierrors.NewBadRequest("you must specify at least 1 of stdin, stdout, stderr")
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
	params := url.Values{}
	if ports := c.r.URL.Query()["ports"]; len(ports) > 0 {
		params.Set("port", strings.Join(ports, ","))
	}
	return c.toKubelet(pod.Spec.NodeName, "/portForward/"+pod.Namespace+"/"+pod.Name, params)
}

// toKubelet hands a streaming request on.
func (c *call) toKubelet(node, path string, params url.Values) error {
	kubelet, err := c.kubeletOf(node)
	if err != nil {
		return err
	}
	location := *kubelet.URL
	location.Path, location.RawQuery = path, params.Encode()
	c.forward(&location, kubelet.Transport, true)
	return nil
}

// containerOf is the container that a client names, or the only one.
func containerOf(pod *corev1.Pod, name string) (string, error) {
	if name == "" {
		if len(pod.Spec.Containers) == 1 {
			return pod.Spec.Containers[0].Name, nil
		}
		return "", apierrors.NewBadRequest(ambiguous(pod))
	}
	if slices.Contains(containerNames(pod), name) {
		return name, nil
	}
	return "", apierrors.NewBadRequest(fmt.Sprintf("container %s is not valid for pod %s", name, pod.Name))
}

func containerNames(pod *corev1.Pod) []string {
	var names []string
	for i := range pod.Spec.InitContainers {
		names = append(names, pod.Spec.InitContainers[i].Name)
	}
	for i := range pod.Spec.Containers {
		names = append(names, pod.Spec.Containers[i].Name)
	}
	for i := range pod.Spec.EphemeralContainers {
		names = append(names, pod.Spec.EphemeralContainers[i].Name)
	}
	return names
}

func ambiguous(pod *corev1.Pod) string {
	var mains, inits []string
	for i := range pod.Spec.Containers {
		mains = append(mains, pod.Spec.Containers[i].Name)
	}
	for i := range pod.Spec.InitContainers {
		inits = append(inits, pod.Spec.InitContainers[i].Name)
	}
	text := fmt.Sprintf("a container name must be specified for pod %s, choose one of: [%s]", pod.Name, strings.Join(mains, " "))
	if len(inits) > 0 {
		text += fmt.Sprintf(" or one of the init containers: [%s]", strings.Join(inits, " "))
	}
	return text
}

func isSet(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "false":
		return false
	}
	return true
}

var errNotProxyable = errors.New("address not allowed")
