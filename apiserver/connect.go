package apiserver

import (
	"context"
	"net/http"
	"net/url"
)

// NodeConnections reaches the kubelets.
type NodeConnections interface {
	// Node returns where a node's kubelet listens and how to talk to it.
	Node(ctx context.Context, name string) (*NodeConnection, error)
}

// NodeConnection is the way to one kubelet.
type NodeConnection struct {
	URL       *url.URL // https://10.0.0.1:10250
	Transport *http.Transport
}

func (c *call) connect() error { return unavailable("connections are not served yet") }
