package proxy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// healthz tells whether the proxy is well. A load balancer that asks it leaves a node that is about to be removed.
type healthz struct {
	clock  clock.PassiveClock
	server *http.Server

	mu    sync.Mutex
	last  time.Time
	going bool
}

func newHealthz(c clock.PassiveClock) *healthz { return &healthz{clock: c} }

// defaultHealthzAddress is where load balancers expect it.
const defaultHealthzAddress = "0.0.0.0:10256"

func (h *healthz) listen(address string) error {
	if address == "-" {
		return nil
	}
	l, err := net.Listen("tcp", cmp.Or(address, defaultHealthzAddress))
	if err != nil {
		return fmt.Errorf("opening the health port: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { h.answer(w, true) })
	mux.HandleFunc("/livez", func(w http.ResponseWriter, _ *http.Request) { h.answer(w, false) })
	h.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = h.server.Serve(l) }()
	return nil
}

func (h *healthz) close() {
	if h.server != nil {
		_ = h.server.Close()
	}
}

// synced notes that the kernel has what the API says.
func (h *healthz) synced() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = h.clock.Now()
}

func (h *healthz) setNode(going bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.going = going
}

func (h *healthz) answer(w http.ResponseWriter, forNode bool) {
	h.mu.Lock()
	last, going := h.last, h.going
	h.mu.Unlock()
	eligible := !going
	body := map[string]any{"lastUpdated": last, "currentTime": h.clock.Now()}
	well := !last.IsZero()
	if forNode {
		body["nodeEligible"] = eligible
		well = well && eligible
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !well {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(body)
}
