package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster/clients"
)

// forTest starts a control plane below dir.
func forTest(ctx context.Context, dir string, without ...string) (*Cluster, error) {
	options := ForTest(dir)
	options.Disable = append(options.Disable, without...)
	return Start(ctx, options)
}

// openWatches opens some that nobody reads. forget is for when the server is gone.
func openWatches(t testing.TB, running *Cluster) (forget func()) {
	t.Helper()
	c, err := client.NewWithWatch(running.Config, client.Options{Scheme: apis.NewScheme(), Mapper: clients.NewMapper(apis.All())})
	var all []watch.Interface
	for range 5 {
		if err == nil {
			var opened watch.Interface
			opened, err = c.Watch(context.WithoutCancel(t.Context()), &corev1.ConfigMapList{})
			all = append(all, opened)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		for _, opened := range all {
			opened.Stop()
		}
	}
}

// BenchmarkStart starts control planes, and stops them with watches open: one after the other, and 20 at a time.
func BenchmarkStart(b *testing.B) {
	for _, many := range []int{1, 20} {
		b.Run(fmt.Sprintf("%d-with-controllers", many), func(b *testing.B) { benchmarkStart(b, many) })
		b.Run(fmt.Sprintf("%d-API-alone", many), func(b *testing.B) { benchmarkStart(b, many, Controllers, Scheduler) })
	}
}

// round is what happens to some control planes at a time.
type round struct {
	took []time.Duration
	cpu  time.Duration
}

func (r *round) run(b *testing.B, many int, step func(i int) error) {
	var all sync.WaitGroup
	var mu sync.Mutex
	before := cpuTime(b)
	for i := range many {
		all.Go(func() {
			began := time.Now()
			err := step(i)
			mu.Lock()
			defer mu.Unlock()
			r.took = append(r.took, time.Since(began))
			if err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	r.cpu += cpuTime(b) - before
}

// report gives medians, maxima and the CPU time of each.
func (r *round) report(b *testing.B, name string) {
	slices.Sort(r.took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(r.took[len(r.took)/2]), name+"-ms")
	b.ReportMetric(ms(r.took[len(r.took)-1]), name+"-max-ms")
	b.ReportMetric(ms(r.cpu)/float64(len(r.took)), name+"-cpu-ms")
}

func cpuTime(b testing.TB) time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

func benchmarkStart(b *testing.B, many int, without ...string) {
	var starting, stopping round
	for b.Loop() {
		dirs, running := make([]string, many), make([]*Cluster, many)
		all := b.TempDir()
		for i := range dirs {
			dirs[i] = filepath.Join(all, strconv.Itoa(i))
		}
		starting.run(b, many, func(i int) (err error) {
			running[i], err = forTest(b.Context(), dirs[i], without...)
			return err
		})
		for _, c := range running {
			if c == nil {
				b.Fatal("not started")
			}
			defer openWatches(b, c)()
		}
		stopping.run(b, many, func(i int) error { return running[i].Stop() })
		if err := os.RemoveAll(all); err != nil { // each has laid out 128 MB for its log
			b.Fatal(err)
		}
	}
	starting.report(b, "start")
	stopping.report(b, "stop")
}

// What logs where nobody has given it a logger must not find controller-runtime's, which is the test's own.
func TestNothingIsLoggedWithoutALogger(t *testing.T) {
	var said atomic.Pointer[string]
	var deaf atomic.Bool
	log.SetLogger(funcr.New(func(_, args string) {
		if !deaf.Load() {
			said.CompareAndSwap(nil, &args)
		}
	}, funcr.Options{Verbosity: 10}))
	_, c := started(t, ForTest(t.TempDir()))
	eventually(t, "the controllers do not run", func() error {
		return c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "default"}, &corev1.ServiceAccount{})
	})
	deaf.Store(true)
	if line := said.Load(); line != nil {
		t.Errorf("logged: %s", *line)
	}
}

// A control plane for a test is a whole one, and many of them do not get in each other's way.
func TestManyInOneProcess(t *testing.T) {
	var all sync.WaitGroup
	for range 5 {
		dir := t.TempDir()
		all.Go(func() {
			running, err := forTest(t.Context(), dir)
			if err != nil {
				t.Error(err)
				return
			}
			defer openWatches(t, running)()
			c, err := client.New(running.Config, client.Options{Scheme: apis.NewScheme()})
			if err == nil {
				err = c.Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "own"}})
			}
			if err != nil {
				t.Error(err)
			}
			began := time.Now()
			if err := running.Stop(); err != nil {
				t.Error(err)
			}
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("stopping took %s", took)
			}
		})
	}
	all.Wait()
}
