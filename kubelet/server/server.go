package server

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/kubelet/stats"
)

// drainTimeout bounds how long Run waits for answers in progress once ctx has ended; streams are cut at once.
const drainTimeout = 500 * time.Millisecond

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
	// Pages are further paths that are read.
	Pages map[string]http.Handler
	// LogDir is what /logs/ shows, default /var/log.
	LogDir string
	// Clock defaults to the real one.
	Clock clock.PassiveClock

	streams sync.WaitGroup // requests whose connection was taken over
}

// Run serves until ctx ends, and returns after all connections are closed.
func (s *Server) Run(ctx context.Context) error {
	listener, err := s.listen(ctx)
	if err != nil {
		return fmt.Errorf("listening for the kubelet port: %w", err)
	}
	log := logr.FromContextOrDiscard(ctx)
	// A request's context ends with the server's, and so every stream and followed log ends too.
	requests, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler:           s.Handler(),
		TLSConfig:         s.tlsConfig(),
		BaseContext:       func(net.Listener) context.Context { return requests },
		ReadHeaderTimeout: 30 * time.Second,
		IdleTimeout:       90 * time.Second,
		MaxHeaderBytes:    1 << 20,
		ErrorLog:          stdlog.New(quiet{log.V(1)}, "", 0),
	}
	log.Info("Serving the kubelet port", "address", listener.Addr().String())
	failed := make(chan error, 1)
	go func() { failed <- server.ServeTLS(listener, "", "") }()
	select {
	case err := <-failed:
		return fmt.Errorf("serving the kubelet port: %w", err)
	case <-ctx.Done():
	}
	drain, stop := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer stop()
	if err := server.Shutdown(drain); errors.Is(err, context.DeadlineExceeded) {
		server.Close()
	}
	s.streams.Wait()
	return nil
}

// quiet logs what net/http says of broken handshakes and the like, which any port scan can cause.
type quiet struct{ log logr.Logger }

func (q quiet) Write(line []byte) (int, error) {
	q.log.Info("Serving a connection failed", "error", strings.TrimSpace(string(line)))
	return len(line), nil
}

func (s *Server) listen(ctx context.Context) (net.Listener, error) {
	if s.Listener != nil {
		return s.Listener, nil
	}
	address := s.Address
	if address == "" {
		address = "0.0.0.0:10250"
	}
	return (&net.ListenConfig{}).Listen(ctx, "tcp", address)
}

func (s *Server) tlsConfig() *tls.Config {
	config := s.TLS.Clone()
	config.MinVersion = max(config.MinVersion, tls.VersionTLS12)
	if s.ClientCAs != nil {
		config.ClientCAs = s.ClientCAs
		config.ClientAuth = tls.RequestClientCert // who presents none, or one of another signer, may still have a token
	}
	return config
}

func (s *Server) clock() clock.PassiveClock {
	if s.Clock == nil {
		return clock.RealClock{}
	}
	return s.Clock
}
