package metrics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// store times what it hands on, by operation and resource.
type store struct {
	storage.Store
	metrics *Metrics
	// names of resources by prefix: "pods", "apiextensions.k8s.io/customresourcedefinitions".
	names map[string]Names
}

// Store returns a store that is observed. names are of the resources, by the prefix of their keys behind storage.Root.
func (m *Metrics) Store(next storage.Store, names map[string]Names) storage.Store {
	return &store{Store: next, metrics: m, names: names}
}

// Commit implements storage.Writer. A transaction is counted as its first operation is.
func (s *store) Commit(ctx context.Context, ops ...storage.Op) (revision int64, err error) {
	if len(ops) == 0 {
		return s.Store.Commit(ctx)
	}
	operation := "update"
	switch {
	case ops[0].Value == nil:
		operation = "delete"
	case ops[0].Expected == 0:
		operation = "create"
	}
	defer s.observe(operation, ops[0].Key, time.Now(), &err)
	return s.Store.Commit(ctx, ops...)
}

// Get implements storage.Reader.
func (s *store) Get(ctx context.Context, key string) (record storage.Record, err error) {
	defer s.observe("get", key, time.Now(), &err)
	return s.Store.Get(ctx, key)
}

// Range implements storage.Reader.
func (s *store) Range(ctx context.Context, r storage.Range) (page storage.Page, err error) {
	defer s.observe("list", r.Prefix, time.Now(), &err)
	return s.Store.Range(ctx, r)
}

func (s *store) observe(operation, key string, since time.Time, failed *error) {
	n := s.nameOf(key)
	s.metrics.stored.WithLabelValues(operation, n.Group, n.Resource).Observe(time.Since(since).Seconds())
	s.metrics.storedTotal.WithLabelValues(operation, n.Group, n.Resource).Inc()
	if *failed != nil && !isAnswer(*failed) {
		s.metrics.storeErrors.WithLabelValues(operation, n.Group, n.Resource).Inc()
	}
}

// isAnswer says whether an error is what the store had to say, and no failure of it.
func isAnswer(err error) bool {
	var lost *storage.ConflictError
	return errors.As(err, &lost) || errors.Is(err, storage.ErrExists) || errors.Is(err, storage.ErrNotFound) || errors.Is(err, storage.ErrCompacted)
}

// nameOf a key: the first part, or the first two, are a resource's. What is not known is a custom resource's: group and name.
func (s *store) nameOf(key string) Names {
	key = strings.TrimPrefix(key, storage.Root)
	first, rest, _ := strings.Cut(key, "/")
	if n, ok := s.names[first]; ok {
		return n
	}
	second, _, _ := strings.Cut(rest, "/")
	if n, ok := s.names[first+"/"+second]; ok {
		return n
	}
	return Names{Group: first, Resource: second}
}

// Objects says how many objects there are of each resource, by calling yield.
type Objects func(yield func(group, resource string, count int))

// Stored is what is shown of the store: how many objects it has, and the size of each of its members in bytes.
type Stored struct {
	Objects Objects
	// Sizes are 0 where they are not known.
	Sizes func() []int64
}

var (
	objectsDesc = prometheus.NewDesc("apiserver_resource_objects", "Objects that are stored, by resource.", []string{"group", "resource"}, nil)
	storageDesc = prometheus.NewDesc("apiserver_storage_objects", "Objects that are stored, by resource.", []string{"resource"}, nil)
	sizeDesc    = prometheus.NewDesc("apiserver_storage_size_bytes", "Size of the store's file, in bytes.", []string{"storage_cluster_id"}, nil)
	totalDesc   = prometheus.NewDesc("apiserver_storage_db_total_size_in_bytes", "Size of the store's file, in bytes.", []string{"endpoint"}, nil)
)

// Describe implements prometheus.Collector.
func (s Stored) Describe(to chan<- *prometheus.Desc) {
	to <- objectsDesc
	to <- storageDesc
	to <- sizeDesc
	to <- totalDesc
}

// Collect implements prometheus.Collector.
func (s Stored) Collect(to chan<- prometheus.Metric) {
	gauge := func(of *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, labels...)
	}
	s.Objects(func(group, resource string, count int) {
		gauge(objectsDesc, float64(count), group, resource)
		name := resource
		if group != "" {
			name += "." + group
		}
		gauge(storageDesc, float64(count), name)
	})
	if s.Sizes == nil {
		return
	}
	for i, size := range s.Sizes() {
		if size > 0 {
			gauge(sizeDesc, float64(size), fmt.Sprintf("etcd-%d", i))
			gauge(totalDesc, float64(size), fmt.Sprintf("etcd-%d", i))
		}
	}
}
