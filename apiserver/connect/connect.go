package connect

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/write"
)

// Verbs connect, on one request.
type Verbs struct {
	write.Verbs
	// Nodes reaches kubelets; nil where none can be reached.
	Nodes Kubelets
}

// Connect joins the client with a container, a pod, a service or a node.
func (c Verbs) Connect() error {
	if c.Sub.Name == "log" { // is read, and not connected to
		return c.podLog()
	}
	attributes := c.Attributes(admission.Connect, nil, nil, call.WriteOptions{})
	attributes.Options, attributes.Object = nil, c.connectOptions()
	if err := c.Admission.Ask(c.Context(), attributes); err != nil {
		return err
	}
	switch c.At.Row.Name + "/" + c.Sub.Name {
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
func (c Verbs) connectOptions() runtime.Object {
	query := c.R.URL.Query()
	options := optionsOf(c.GVK().Kind, query, c.rest())
	if options != nil {
		options.GetObjectKind().SetGroupVersionKind(c.GVK())
	}
	return options
}

func (c Verbs) pod() (*corev1.Pod, error) {
	entry, err := c.Latest(c.Context(), c.Info.Name)
	if err != nil {
		return nil, err
	}
	obj, err := c.At.Object(c.Context(), entry)
	if err != nil {
		return nil, err
	}
	return obj.(*corev1.Pod), nil
}

// podStreams are exec and attach.
func (c Verbs) podStreams() error {
	pod, err := c.pod()
	if err != nil {
		return err
	}
	query := c.R.URL.Query()
	container, err := containerNamed(pod, query.Get("container"))
	if err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	params, err := streamQuery(c.Sub.Name, query)
	if err != nil {
		return err
	}
	return c.toKubelet(pod.Spec.NodeName, "/"+c.Sub.Name+"/"+pod.Namespace+"/"+pod.Name+"/"+container, params)
}

func (c Verbs) podPortForward() error {
	pod, err := c.pod()
	if err != nil {
		return err
	}
	if err := checkPorts(c.R.URL.Query()["ports"]); err != nil {
		return err
	}
	if pod.Spec.NodeName == "" {
		return apierrors.NewBadRequest(fmt.Sprintf("pod %s does not have a host assigned", pod.Name))
	}
	return c.toKubelet(pod.Spec.NodeName, "/portForward/"+pod.Namespace+"/"+pod.Name, portQuery(c.R.URL.Query()))
}
