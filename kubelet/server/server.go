package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/kubelet/stats"
)

// Server serves the kubelet's port. Its exported fields are inputs.
type Server struct {
	// Address to listen on, default 0.0.0.0:10250. Listener, if given, is used instead.
	Address  string
	Listener net.Listener
	// TLS holds the serving certificate (Certificates or GetCertificate). Required.
	TLS *tls.Config
	// ClientCAs signs client certificates; nil accepts none.
	ClientCAs *x509.CertPool
	// Client makes TokenReviews and SubjectAccessReviews.
	Client client.Client
	// NodeName is the node that requests are authorized for.
	NodeName string
	Backend  Backend
	Stats    *stats.Provider
	// Metrics is what /metrics shows; nil shows nothing. Probes is what /metrics/probes shows.
	Metrics prometheus.Gatherer
	Probes  prometheus.Gatherer
	// LogDir is what /logs/ shows, default /var/log.
	LogDir string
	// Clock defaults to the real one.
	Clock clock.Clock
}

// Run serves until ctx ends, and returns after all connections are closed.
func (s *Server) Run(ctx context.Context) error {
	return errors.New("serving the kubelet port is not there yet")
}
