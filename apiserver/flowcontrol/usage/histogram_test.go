package usage_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol/usage"
)

func TestEveryNanosecondIsAnObservation(t *testing.T) {
	h := usage.New([]float64{0.5, 1})
	at := time.Duration(0)
	change := func(after time.Duration, part, whole int) {
		at += after
		h.Set(part, whole, at)
	}
	change(0, 1, 4)
	change(3, 3, 4)
	change(2, 2, 4) // on a bound
	change(1, 5, 4)
	change(10, 7, 0) // of nothing
	change(1, 0, 1)
	change(-5, 0, 1) // somebody who looked at the clock before the last
	h.Pass(16)
	var told dto.Metric
	if err := h.Metric(prometheus.NewDesc("x", "", nil, nil)).Write(&told); err != nil {
		t.Fatal(err)
	}
	got := []float64{float64(told.Histogram.GetSampleCount()), told.Histogram.GetSampleSum()}
	for _, bucket := range told.Histogram.Bucket {
		got = append(got, float64(bucket.GetCumulativeCount()))
	}
	if diff := cmp.Diff([]float64{17, 0.25*3 + 0.75*2 + 0.5 + 1.25*10 + 7, 4, 6}, got); diff != "" {
		t.Error(diff)
	}
}
