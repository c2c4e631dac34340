package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// healthServers answers on the health check ports of Services: 200 when this node has endpoints, 503 when it has none.
type healthServers struct {
	recorder record.EventRecorder
	servers  map[types.NamespacedName]*healthServer
}

type healthServer struct {
	service types.NamespacedName
	port    uint16
	server  *http.Server
	local   atomic.Int64
}

func newHealthServers(r record.EventRecorder) *healthServers {
	return &healthServers{recorder: r, servers: map[types.NamespacedName]*healthServer{}}
}

// update opens and closes ports and tells the servers how many endpoints are here.
func (h *healthServers) update(ctx context.Context, wanted map[types.NamespacedName]rules.HealthCheck) {
	for name, s := range h.servers {
		if w, ok := wanted[name]; !ok || w.Port != s.port {
			_ = s.server.Close()
			delete(h.servers, name)
		}
	}
	for name, w := range wanted {
		s, ok := h.servers[name]
		if !ok {
			var err error
			if s, err = startHealthServer(name, w.Port); err != nil {
				h.tell(ctx, name, w.Port, err)
				continue
			}
			h.servers[name] = s
		}
		s.local.Store(int64(w.LocalEndpoints))
	}
}

func (h *healthServers) tell(ctx context.Context, name types.NamespacedName, port uint16, err error) {
	message := fmt.Sprintf("node failed to start healthcheck %q on port %d: %v", name, port, err)
	logr.FromContextOrDiscard(ctx).Error(err, "A Service's health check port could not be opened", "service", name, "port", port)
	if h.recorder != nil {
		svc := &corev1.Service{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
			ObjectMeta: metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name},
		}
		h.recorder.Event(svc, corev1.EventTypeWarning, "FailedToStartServiceHealthcheck", message)
	}
}

func (h *healthServers) close() {
	for name, s := range h.servers {
		_ = s.server.Close()
		delete(h.servers, name)
	}
}

func startHealthServer(name types.NamespacedName, port uint16) (*healthServer, error) {
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		return nil, err
	}
	s := &healthServer{service: name, port: port}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = s.server.Serve(l) }()
	return s, nil
}

func (s *healthServer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	local := s.local.Load()
	body := map[string]any{
		"service":             map[string]string{"namespace": s.service.Namespace, "name": s.service.Name},
		"localEndpoints":      local,
		"serviceProxyHealthy": true,
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("X-Load-Balancing-Endpoint-Weight", fmt.Sprint(local))
	if local == 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body)
}
