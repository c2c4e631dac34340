package load

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// perConnection is how many watchers share a connection.
const perConnection = 50

// FanOut has many clients watch one object while it changes. They read events without decoding them.
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
	ctx, cancel := context.WithCancel(ctx)
	w := watched{FanOut: f, sent: make([]atomic.Int64, f.Changes), seen: make(chan time.Duration, f.Watchers), failed: make(chan error, f.Watchers+1)}
	defer func() {
		cancel()
		w.working.Wait()
	}()
	c, err := Client(config, Protobuf)
	if err != nil {
		return Result{}, err
	}
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "watched-"}}
	if object, err = c.CoreV1().ConfigMaps(f.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
		return Result{}, err
	}
	if err := w.open(ctx, config, object); err != nil {
		return Result{}, fmt.Errorf("opening watches: %w", err)
	}
	before, err := ReadUsage(f.Servers...)
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	took, err := w.change(ctx, c, object.Name)
	if err != nil {
		return Result{}, err
	}
	rate := float64(len(took)) / time.Since(began).Seconds()
	after, err := ReadUsage(f.Servers...)
	return Result{Rate: rate, Took: Sorted(took), CPU: after.Since(before).CPU}, err
}

// watched is a FanOut under way.
type watched struct {
	FanOut
	working sync.WaitGroup
	sent    []atomic.Int64 // when each change was asked for, in nanoseconds
	seen    chan time.Duration
	failed  chan error
}

// open starts all watchers, each after the revision of the object.
func (w *watched) open(ctx context.Context, config *rest.Config, object *corev1.ConfigMap) error {
	var c *kubernetes.Clientset
	for i := range w.Watchers {
		if i%perConnection == 0 {
			var err error
			if c, err = Client(config, Protobuf); err != nil {
				return err
			}
		}
		stream, err := c.CoreV1().RESTClient().Get().Namespace(object.Namespace).Resource("configmaps").
			Param("watch", "true").Param("resourceVersion", object.ResourceVersion).
			Param("fieldSelector", "metadata.name="+object.Name).
			SetHeader("Accept", Protobuf+";stream=watch").Stream(ctx)
		if err != nil {
			return err
		}
		w.working.Go(func() {
			defer stream.Close()
			if err := w.read(ctx, stream); err != nil && ctx.Err() == nil {
				w.failed <- fmt.Errorf("watching: %w", err)
			}
		})
	}
	return nil
}

// read reads one event for each change: a length of four bytes and so many more.
func (w *watched) read(ctx context.Context, stream io.Reader) error {
	frame := make([]byte, 4096)
	for i := range w.sent {
		if _, err := io.ReadFull(stream, frame[:4]); err != nil {
			return fmt.Errorf("reading event %d: %w", i, err)
		}
		size := binary.BigEndian.Uint32(frame)
		if int(size) > len(frame) {
			return errors.New("an event is larger than what is watched")
		}
		if _, err := io.ReadFull(stream, frame[:size]); err != nil {
			return fmt.Errorf("reading event %d: %w", i, err)
		}
		select {
		case w.seen <- time.Duration(time.Now().UnixNano() - w.sent[i].Load()):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// change makes the changes and waits until every watcher has seen all of them.
func (w *watched) change(ctx context.Context, c kubernetes.Interface, name string) ([]time.Duration, error) {
	turn := make(chan struct{}, w.Changes)
	if !w.Paced {
		for range w.Changes {
			turn <- struct{}{}
		}
	}
	w.working.Go(func() {
		for i := range w.Changes {
			select {
			case <-turn:
			case <-ctx.Done():
				return
			}
			w.sent[i].Store(time.Now().UnixNano())
			patch := fmt.Appendf(nil, `{"data":{"change":"%d"}}`, i)
			if _, err := c.CoreV1().ConfigMaps(w.Namespace).Patch(ctx, name, types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
				w.failed <- err
				return
			}
		}
	})
	took := make([]time.Duration, 0, w.Watchers*w.Changes)
	for len(took) < cap(took) {
		if w.Paced && len(took)%w.Watchers == 0 {
			turn <- struct{}{}
		}
		select {
		case one := <-w.seen:
			took = append(took, one)
		case err := <-w.failed:
			return nil, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return took, nil
}
