package load

import (
	"context"
	"fmt"
	"net"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// The encodings that a client may speak.
const (
	Protobuf = "application/vnd.kubernetes.protobuf"
	JSON     = "application/json"
)

// Config of the administrator in a kubeconfig, for the server at a URL, without limits of the client's own.
func Config(kubeconfig, url string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.Host = url
	config.QPS = -1
	return config, nil
}

// Client speaks one encoding, uncompressed, over a connection of its own.
func Client(config *rest.Config, encoding string) (*kubernetes.Clientset, error) {
	own := Separate(config)
	own.ContentType = encoding
	own.DisableCompression = true
	c, err := kubernetes.NewForConfig(own)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return c, nil
}

// Separate is a configuration whose clients share no connection with others: client-go tells transports apart by how they dial.
func Separate(config *rest.Config) *rest.Config {
	own := rest.CopyConfig(config)
	own.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}
	return own
}
