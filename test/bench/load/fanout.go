package load

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
)

// perConnection is how many watchers share a connection.
const perConnection = 50

// FanOut has many clients watch one object while it changes. They are light clients, as the one that changes it is: one goroutine reads the
// events of all watches of a connection without decoding them.
type FanOut struct {
	Namespace string
	Watchers  int
	Changes   int
	// Servers are the processes whose CPU is told, from the first change to the last event.
	Servers []int
	// Paced makes the next change when all watchers have seen the last one; otherwise one writer changes as fast as it can.
	Paced bool
}

// Run returns how many events arrived in a second, and how long after the call that made its change each of them did.
func (f FanOut) Run(ctx context.Context, config *rest.Config) (Result, error) {
	c, err := Client(config, Protobuf)
	if err != nil {
		return Result{}, err
	}
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "watched-"}}
	if object, err = c.CoreV1().ConfigMaps(f.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return Result{}, err
	}
	return f.watch(ctx, config, object)
}

func (f FanOut) watch(ctx context.Context, config *rest.Config, object *corev1.ConfigMap) (Result, error) {
	reading, stop := context.WithCancel(ctx)
	w := watched{
		FanOut: f, began: time.Now(), sent: make([]atomic.Int64, f.Changes), failed: make(chan error, f.Watchers+1), over: make(chan struct{}), turn: make(chan struct{}, f.Changes),
	}
	defer w.working.Wait()
	defer stop()
	if err := w.open(reading, config, object); err != nil {
		return Result{}, fmt.Errorf("opening watches: %w", err)
	}
	changer, err := Dial(reading, config)
	if err != nil {
		return Result{}, err
	}
	before, own, err := f.usage()
	if err != nil {
		return Result{}, errors.Join(err, changer.Close())
	}
	began := time.Now()
	if err := w.change(reading, changer, object); err != nil {
		return Result{}, err
	}
	events := f.Watchers * f.Changes
	rate := float64(events) / time.Since(began).Seconds()
	after, ownAfter, err := f.usage()
	stop()
	w.working.Wait()
	return Result{Rate: rate, Took: Sorted(slices.Concat(w.took...)), CPU: after.Since(before).CPU, ClientCPU: ownAfter.Since(own).CPU}, err
}

// usage of the servers, and of this process.
func (f FanOut) usage() (servers, own Usage, err error) {
	if servers, err = ReadUsage(f.Servers...); err != nil {
		return servers, own, err
	}
	own, err = ReadUsage(os.Getpid())
	return servers, own, err
}

// watched is a FanOut under way.
type watched struct {
	FanOut
	working sync.WaitGroup
	began   time.Time
	sent    []atomic.Int64    // when each change was asked for, since then
	took    [][]time.Duration // of the events of each connection
	seen    atomic.Int64      // events
	turn    chan struct{}     // for a change
	over    chan struct{}     // all events are seen
	failed  chan error
}

// open starts all watches, each after the revision of the object.
func (w *watched) open(ctx context.Context, config *rest.Config, object *corev1.ConfigMap) error {
	r := Request{
		Method: http.MethodGet, Accept: Protobuf + ";stream=watch", Status: http.StatusOK,
		Path: fmt.Sprintf("/api/v1/namespaces/%s/configmaps?watch=true&resourceVersion=%s&fieldSelector=metadata.name%%3D%s", object.Namespace, object.ResourceVersion, object.Name),
	}
	w.took = make([][]time.Duration, (w.Watchers+perConnection-1)/perConnection)
	for i := range w.took {
		watches := min(perConnection, w.Watchers-i*perConnection)
		w.took[i] = make([]time.Duration, 0, watches*w.Changes)
		l, err := Dial(ctx, config)
		if err != nil {
			return err
		}
		if err := l.openWatches(ctx, watches, r, w.reader(&w.took[i], watches)); err != nil {
			return errors.Join(err, l.Close())
		}
		w.working.Go(func() {
			if err := errors.Join(l.Watch(ctx), l.Close()); err != nil && ctx.Err() == nil {
				w.failed <- fmt.Errorf("watching: %w", err)
			}
		})
	}
	return nil
}

// reader notes the events of a connection. Every watch sees each change once.
func (w *watched) reader(took *[]time.Duration, watches int) func(watch int) {
	changes := make([]int, watches) // seen by each
	return func(watch int) {
		if changes[watch] >= w.Changes {
			return // of somebody else
		}
		*took = append(*took, time.Since(w.began)-time.Duration(w.sent[changes[watch]].Load()))
		changes[watch]++
		seen := int(w.seen.Add(1))
		switch {
		case seen == w.Watchers*w.Changes:
			close(w.over)
		case w.Paced && seen%w.Watchers == 0:
			w.turn <- struct{}{}
		}
	}
}

// change makes the changes and waits until every watcher has seen all of them.
func (w *watched) change(ctx context.Context, l *Light, object *corev1.ConfigMap) error {
	if w.turn <- struct{}{}; !w.Paced {
		for range w.Changes - 1 {
			w.turn <- struct{}{}
		}
	}
	r := Request{
		Method: http.MethodPatch, Path: "/api/v1/namespaces/" + object.Namespace + "/configmaps/" + object.Name,
		ContentType: string(types.MergePatchType), Accept: Protobuf + ", */*", Status: http.StatusOK,
		Body: func(call int) []byte {
			select {
			case <-w.turn:
			case <-ctx.Done():
			}
			w.sent[call].Store(int64(time.Since(w.began)))
			return fmt.Appendf(nil, `{"data":{"change":"%d"}}`, call)
		},
	}
	w.working.Go(func() {
		_, err := l.Repeat(ctx, 1, w.Changes, r)
		if err = errors.Join(err, l.Close()); err != nil {
			w.failed <- fmt.Errorf("changing: %w", err)
		}
	})
	select {
	case <-w.over:
		return nil
	case err := <-w.failed:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
