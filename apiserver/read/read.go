package read

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Reader is where those verbs read that change nothing.
type Reader struct {
	Store storage.Store
	Cache *cache.Cache
	// Compacted is the revision before which nothing is listed any more.
	Compacted atomic.Int64
	// MinWatch is how long a watch lasts at least where the client names no timeout, and half of what it lasts at most; less than 0 means that it lasts.
	MinWatch time.Duration
	// Stopping ends when watches are to end.
	Stopping context.Context
	Metrics  *metrics.Metrics
}

// Verbs are the verbs that change nothing, on one request.
type Verbs struct {
	*call.Call
	*Reader
}
