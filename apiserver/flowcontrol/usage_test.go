package flowcontrol

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// told are the values of /metrics that have all of the labels: of a histogram its sum and count, in seconds.
func told(t *testing.T, m *Metrics, name string, labels map[string]string) (values []float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(m)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, metric := range family.Metric {
			if family.GetName() != prefix+name || !labelled(metric, labels) {
				continue
			}
			if h := metric.Histogram; h != nil {
				return []float64{h.GetSampleSum() / 1e9, float64(h.GetSampleCount()) / 1e9}
			}
			return []float64{metric.Gauge.GetValue()}
		}
	}
	return nil
}

func labelled(metric *dto.Metric, labels map[string]string) bool {
	found := 0
	for _, pair := range metric.Label {
		if labels[pair.GetName()] == pair.GetValue() {
			found++
		}
	}
	return found == len(labels)
}

// What is in use counts for as long as it is, though nobody looks meanwhile.
func TestUsageCountsByTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := suggested(100, levelOf("mine", 245, 0, 0, 0), schemaTo("mine", "mine", 10, groupOf("mine")))
		flow := c.Classify(asking("GET", "/api/v1/namespaces/default/pods/x"), caller("u", "mine"))
		limit, all := float64(c.levels["mine"].share.nominal), 0.0
		for _, l := range c.levels {
			all += float64(l.share.nominal)
		}
		time.Sleep(2 * time.Second)
		first, _ := flow.Enter(context.Background())
		second, _ := flow.Enter(context.Background())
		time.Sleep(3 * time.Second)
		flow.Leave(first)
		time.Sleep(time.Second)
		flow.Leave(second)
		time.Sleep(4 * time.Second)
		mine := map[string]string{"priority_level": "mine"}
		for name, labels := range map[string]map[string]string{
			"priority_level_seat_utilization": {"priority_level": "mine", "phase": "executing"}, "demand_seats": mine,
			"priority_level_request_utilization": {"priority_level": "mine", "phase": "executing"},
		} {
			if diff := cmp.Diff([]float64{7 / limit, 10}, told(t, c.Metrics, name, labels)); diff != "" {
				t.Errorf("%s: %s", name, diff)
			}
		}
		if diff := cmp.Diff([]float64{7 / all, 10}, told(t, c.Metrics, "read_vs_write_current_requests", map[string]string{"phase": "executing", "request_kind": "readOnly"})); diff != "" {
			t.Errorf("all requests: %s", diff)
		}
		// The period of ten seconds has ended by itself, and those after it.
		for name, want := range map[string]float64{"demand_seats_average": 0.7, "demand_seats_high_watermark": 2} {
			if got := told(t, c.Metrics, name, mine); len(got) != 1 || got[0] != want {
				t.Errorf("%s: %v, want %v", name, got, want)
			}
		}
		if got := told(t, c.Metrics, "current_r", mine); len(got) != 1 || got[0] != 0 {
			t.Errorf("nobody has been in a queue of the level, but its queues have had %v", got)
		}
		smooth := told(t, c.Metrics, "demand_seats_smoothed", mine)[0]
		time.Sleep(time.Minute)
		if later := told(t, c.Metrics, "demand_seats_smoothed", mine)[0]; later >= smooth || later < 0.8*smooth || told(t, c.Metrics, "demand_seats_average", mine)[0] != 0 {
			t.Errorf("a minute after it wanted %v the level is likely to want %v", smooth, later)
		}
	})
}

// A write is estimated by how many watchers are told of it; what reads is not. Who waits is told of with the seats that it waits for.
func TestWritesAreCountedByTheirWatchers(t *testing.T) {
	c := suggested(100, levelOf("mine", 1, 0, 0, 0), schemaTo("mine", "mine", 10, groupOf("mine")))
	c.Load = many(7)
	mine := map[string]string{"priority_level": "mine"}
	for _, method := range []string{"GET", "POST", "DELETE"} {
		flow := c.Classify(asking(method, "/api/v1/namespaces/default/pods/x"), caller("u", "mine"))
		ticket, ok := flow.Enter(context.Background())
		if !ok {
			t.Fatalf("%s was turned away", method)
		}
		flow.Leave(ticket)
	}
	if diff := cmp.Diff([]float64{14.0 / 1e9, 2.0 / 1e9}, told(t, c.Metrics, "watch_count_samples", mine)); diff != "" {
		t.Error(diff)
	}
	if got := told(t, c.Metrics, "current_inqueue_seats", mine); len(got) != 1 || got[0] != 0 {
		t.Errorf("nobody waits, but for %v seats", got)
	}
}
