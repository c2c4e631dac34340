package garbagecollector

import (
	"errors"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// mute is a discovery that does not answer.
type mute struct{ discovery.DiscoveryInterface }

func (mute) ServerPreferredResources() ([]*metav1.APIResourceList, error) {
	return nil, errors.New("no answer")
}

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m := &monitors{discovery: mute{}, changed: make(chan struct{}, 1), failures: newMetrics(registry)}
	if m.sync(t.Context(), nil) {
		t.Error("all is well without an answer")
	}
	if got := fuzzing.Metrics(t, registry)["garbagecollector_controller_resources_sync_error_total"]; got != 1 {
		t.Errorf("%v errors, want 1", got)
	}
}
