package apiserver

import (
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

// connectOptions are the query parameters of a connection, as admission sees them.
func (c *call) connectOptions() runtime.Object {
	query := c.r.URL.Query()
	options := optionsOf(c.gvk().Kind, query, c.rest())
	if options != nil {
		options.GetObjectKind().SetGroupVersionKind(c.gvk())
	}
	return options
}

func optionsOf(kind string, query url.Values, rest string) runtime.Object {
	set := func(name string) bool { return isSet(query.Get(name)) }
	switch kind {
	case "PodExecOptions":
		return &corev1.PodExecOptions{
			Stdin: set("stdin"), Stdout: set("stdout"), Stderr: set("stderr"), TTY: set("tty"),
			Container: query.Get("container"), Command: query["command"],
		}
	case "PodAttachOptions":
		return &corev1.PodAttachOptions{
			Stdin: set("stdin"), Stdout: set("stdout"), Stderr: set("stderr"), TTY: set("tty"), Container: query.Get("container"),
		}
	case "PodPortForwardOptions":
		options := &corev1.PodPortForwardOptions{}
		for _, text := range query["ports"] {
			if port, err := strconv.ParseInt(text, 10, 32); err == nil {
				options.Ports = append(options.Ports, int32(port))
			}
		}
		return options
	case "PodProxyOptions":
		return &corev1.PodProxyOptions{Path: rest}
	case "ServiceProxyOptions":
		return &corev1.ServiceProxyOptions{Path: rest}
	case "NodeProxyOptions":
		return &corev1.NodeProxyOptions{Path: rest}
	}
	return nil
}
