package server

import (
	"encoding/json"
	"net/http"
	"os"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/stats"
)

// Handler returns all of the port behind authentication and authorization.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/healthz", "/healthz/ping", "/healthz/syncloop"} {
		mux.HandleFunc("GET "+path, s.healthz)
	}
	mux.HandleFunc("GET /pods", s.pods)
	mux.HandleFunc("GET /runningpods/", s.runningPods)
	mux.HandleFunc("GET /runningpods", s.runningPods)
	mux.HandleFunc("GET /configz", s.configz)
	mux.HandleFunc("GET /containerLogs/{namespace}/{pod}/{container}", s.containerLogs)
	mux.HandleFunc("GET /stats/summary", s.summary)
	mux.HandleFunc("GET /stats/", s.summary)
	mux.Handle("GET /metrics", gathered(s.Metrics))
	mux.Handle("GET /metrics/probes", gathered(s.Probes))
	mux.Handle("GET /metrics/resource", s.collected(stats.ResourceMetrics))
	mux.Handle("GET /metrics/cadvisor", s.collected(stats.ContainerMetrics))
	mux.HandleFunc("GET /logs/", s.logFiles)
	for path, page := range s.Pages {
		mux.Handle("GET "+path, page)
	}
	for _, method := range []string{"GET ", "POST "} {
		mux.HandleFunc(method+"/exec/{namespace}/{pod}/{container}", s.exec)
		mux.HandleFunc(method+"/exec/{namespace}/{pod}/{uid}/{container}", s.exec)
		mux.HandleFunc(method+"/attach/{namespace}/{pod}/{container}", s.attach)
		mux.HandleFunc(method+"/attach/{namespace}/{pod}/{uid}/{container}", s.attach)
		mux.HandleFunc(method+"/portForward/{namespace}/{pod}", s.portForward)
		mux.HandleFunc(method+"/portForward/{namespace}/{pod}/{uid}", s.portForward)
	}
	return s.guard(mux)
}

func gathered(gatherer prometheus.Gatherer) http.Handler {
	if gatherer == nil {
		gatherer = prometheus.NewRegistry()
	}
	return promhttp.HandlerFor(gatherer, promhttp.HandlerOpts{})
}

// collected measures when asked: the collector lives for one request.
func (s *Server) collected(collector func(*stats.Summary) prometheus.Collector) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		summary, err := s.Stats.Summarize(r.Context())
		if err != nil {
			fail(w, err)
			return
		}
		registry := prometheus.NewRegistry()
		if err := registry.Register(collector(summary)); err != nil {
			fail(w, err)
			return
		}
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError}).ServeHTTP(w, r)
	})
}

func (s *Server) healthz(w http.ResponseWriter, r *http.Request) {
	if err := s.Backend.Healthy(r.Context()); err != nil {
		http.Error(w, "healthz check failed: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok"))
}

func (s *Server) pods(w http.ResponseWriter, r *http.Request) { writePods(w, r, s.Backend.Pods()) }

func (s *Server) runningPods(w http.ResponseWriter, r *http.Request) {
	pods, err := s.Backend.RunningPods(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	writePods(w, r, pods)
}

func writePods(w http.ResponseWriter, r *http.Request, pods []*corev1.Pod) {
	list := corev1.PodList{TypeMeta: metav1.TypeMeta{Kind: "PodList", APIVersion: "v1"}, Items: make([]corev1.Pod, 0, len(pods))}
	for _, pod := range pods {
		list.Items = append(list.Items, *pod)
	}
	writeJSON(w, r, list)
}

func (s *Server) configz(w http.ResponseWriter, r *http.Request) {
	writeJSON(w, r, map[string]any{"kubeletconfig": s.Backend.Config()})
}

func (s *Server) summary(w http.ResponseWriter, r *http.Request) {
	summary, err := s.Stats.Summarize(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	if r.URL.Query().Get("only_cpu_and_memory") == "true" {
		writeJSON(w, r, summary.OnlyCPUAndMemory())
		return
	}
	writeJSON(w, r, summary.API())
}

// logFiles shows the node's log folder. Links that lead out of it, as a pod with a hostPath volume could make them, are
// not followed.
func (s *Server) logFiles(w http.ResponseWriter, r *http.Request) {
	dir := s.LogDir
	if dir == "" {
		dir = "/var/log"
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		fail(w, err)
		return
	}
	defer root.Close()
	http.StripPrefix("/logs/", http.FileServerFS(root.FS())).ServeHTTP(w, r)
}

func writeJSON(w http.ResponseWriter, r *http.Request, value any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		logr.FromContextOrDiscard(r.Context()).V(1).Info("Writing an answer failed", "path", r.URL.Path, "error", err.Error())
	}
}
