package metrics

import (
	"context"
	"errors"
	"fmt"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/version"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// failing is a store that answers with an error.
type failing struct {
	storage.Store
	err error
}

// Commit implements storage.Writer.
func (f failing) Commit(context.Context, ...storage.Op) (int64, error) { return 0, f.err }

// What a store has to say is no failure of it: that an object is there already, or has changed.
func TestFailuresOfTheStoreAreCounted(t *testing.T) {
	m := New(version.Info{})
	for _, err := range []error{
		nil, storage.ErrExists, fmt.Errorf("reading: %w", storage.ErrNotFound), &storage.ConflictError{}, errors.New("no disk"), context.DeadlineExceeded,
	} {
		_, _ = m.Store(failing{err: err}, map[string]Names{"pods": {Resource: "pods"}}).Commit(context.Background(), storage.Op{Key: storage.Root + "pods/a/b", Value: []byte("x")})
	}
	for counter, want := range map[string]float64{"all": 6, "failed": 2} {
		of := m.storedTotal
		if counter == "failed" {
			of = m.storeErrors
		}
		var told dto.Metric
		if err := of.WithLabelValues("create", "", "pods").Write(&told); err != nil || told.Counter.GetValue() != want {
			t.Errorf("%s: %v, %v; want %v", counter, told.Counter.GetValue(), err, want)
		}
	}
}
