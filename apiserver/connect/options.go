package connect

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
)

// optionsOf are the query parameters of a connection as an object of a kind, or nil for kinds that are none. rest is the path
// behind a proxy.
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

// streamQuery is what the kubelet is told of what a client asks of exec or attach.
func streamQuery(subresource string, asked url.Values) (url.Values, error) {
	params := url.Values{}
	for from, to := range map[string]string{"stdin": "input", "stdout": "output", "stderr": "error", "tty": "tty"} {
		if isSet(asked.Get(from)) {
			params.Set(to, "1")
		}
	}
	if subresource == "exec" {
		if len(asked["command"]) == 0 {
			return nil, apierrors.NewBadRequest("you must specify at least 1 command for the container")
		}
		params["command"] = asked["command"]
	}
	if len(params) == len(params["command"]) && params.Get("input")+params.Get("output")+params.Get("error") == "" {
		return nil, apierrors.NewBadRequest("you must specify at least 1 of stdin, stdout, stderr")
	}
	return params, nil
}

// checkPorts refuses what is no list of ports, each of which may be several with commas.
func checkPorts(asked []string) error {
	for _, several := range asked {
		for text := range strings.SplitSeq(several, ",") {
			if _, err := strconv.ParseUint(text, 10, 16); err != nil {
				return apierrors.NewBadRequest(fmt.Sprintf("cannot convert to []int32: %v", err))
			}
		}
	}
	return nil
}

// portQuery is what the kubelet is told of what a client asks of port-forward.
func portQuery(asked url.Values) url.Values {
	params := url.Values{}
	if ports := asked["ports"]; len(ports) > 0 {
		params.Set("port", strings.Join(ports, ","))
	}
	return params
}

func isSet(value string) bool {
	switch strings.ToLower(value) {
	case "", "0", "false":
		return false
	}
	return true
}
