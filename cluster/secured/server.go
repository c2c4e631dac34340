package secured

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
)

// readHeaderTimeout bounds how long a client may take to say what it wants.
const readHeaderTimeout = 32 * time.Second

// Server is the port, open from Listen on.
type Server struct {
	Settings
	// Metrics are those on /metrics.
	Metrics prometheus.Gatherer

	listener net.Listener
	http     *http.Server
}

// Listen opens the port, so that it is known at the start when it cannot be had. With SecurePort 0 there is none.
func (s *Server) Listen(ctx context.Context) error {
	if s.SecurePort == 0 {
		return nil
	}
	serving, err := s.certificate()
	if err != nil {
		return err
	}
	authentication, err := s.authenticator(ctx)
	if err != nil {
		return err
	}
	authorization, err := s.authorizer()
	if err != nil {
		return err
	}
	if s.listener, err = net.Listen("tcp", net.JoinHostPort(s.BindAddress, strconv.Itoa(s.SecurePort))); err != nil {
		return fmt.Errorf("opening --secure-port: %w", err)
	}
	s.http = &http.Server{
		Handler: guard(s.paths(), authentication, authorization), ReadHeaderTimeout: readHeaderTimeout,
		TLSConfig:   &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: serving, ClientAuth: tls.RequestClientCert},
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
	}
	return nil
}

// Address is where the port is, nil if there is none.
func (s *Server) Address() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Run serves until ctx ends.
func (s *Server) Run(ctx context.Context) error {
	if s.http == nil {
		<-ctx.Done()
		return nil
	}
	stopping := context.AfterFunc(ctx, func() { _ = s.http.Close() })
	defer stopping()
	if err := s.http.ServeTLS(s.listener, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving: %w", err)
	}
	return nil
}

func (s *Server) paths() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/healthz", "/livez", "/readyz"} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) })
	}
	mux.Handle("/metrics", promhttp.HandlerFor(metrics.Levelled(s.Metrics), promhttp.HandlerOpts{}))
	for path, handler := range s.Paths {
		mux.Handle(path, handler)
	}
	if s.Profiling {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// guard answers those who are known and may. Whoever shows nothing is anonymous.
func guard(next http.Handler, known authenticator.Request, may authorizer.Authorizer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		response, ok, err := known.AuthenticateRequest(r)
		if err != nil || !ok {
			log.FromContext(r.Context()).V(1).Info("Unable to authenticate a request", "err", err)
			refuse(w, apierrors.NewUnauthorized("Unauthorized"))
			return
		}
		asked := authorizer.AttributesRecord{User: response.User, Verb: strings.ToLower(r.Method), Path: r.URL.Path}
		decision, reason, err := may.Authorize(r.Context(), asked)
		switch {
		case decision == authorizer.DecisionAllow:
			next.ServeHTTP(w, r)
		case err != nil:
			log.FromContext(r.Context()).Error(err, "Authorizing a request failed", "user", response.User.GetName())
			refuse(w, apierrors.NewInternalError(err))
		default:
			refuse(w, auth.Forbidden(asked, reason))
		}
	})
}

func refuse(w http.ResponseWriter, why *apierrors.StatusError) {
	status := why.Status()
	status.Kind, status.APIVersion = "Status", "v1"
	body, err := json.Marshal(status)
	if err != nil {
		http.Error(w, status.Message, int(status.Code))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(int(status.Code))
	_, _ = w.Write(body)
}
