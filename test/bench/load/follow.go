package load

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
)

// Follow hands every object of a watch after a revision to see, until that says that it has seen enough. A server may end
// a watch that it holds for slow; it is resumed at once, as informers do.
func Follow[T runtime.Object](ctx context.Context, options metav1.ListOptions, open func(context.Context, metav1.ListOptions) (watch.Interface, error), see func(T) bool) error {
	for {
		watching, err := open(ctx, options)
		if err != nil {
			return fmt.Errorf("watching after %s: %w", options.ResourceVersion, err)
		}
		enough, err := follow(watching, &options, see)
		watching.Stop()
		if enough || err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("watching: %w", err)
		}
	}
}

// follow reads one watch to its end and notes in the options how far it came.
func follow[T runtime.Object](watching watch.Interface, options *metav1.ListOptions, see func(T) bool) (bool, error) {
	for event := range watching.ResultChan() {
		if event.Type == watch.Error {
			return false, fmt.Errorf("watching: %w", apierrors.FromObject(event.Object))
		}
		object, err := meta.Accessor(event.Object)
		if err != nil {
			return false, err
		}
		options.ResourceVersion = object.GetResourceVersion()
		if typed, ok := event.Object.(T); ok && see(typed) {
			return true, nil
		}
	}
	return false, nil
}

// openWatches begins watches and returns when the server has begun to answer all of them. Seen is called for each event of them that has
// been read, by Watch. The request is for protobuf, with a length before each event.
func (l *Light) openWatches(ctx context.Context, watches int, r Request, seen func(watch int)) error {
	if watches > l.maxStreams {
		return fmt.Errorf("the server takes %d watches on a connection, not %d", l.maxStreams, watches)
	}
	return l.within(ctx, func() error {
		encoded := encoded{Request: r, light: l}
		var opened []*stream
		for i := range watches {
			if err := encoded.start(i); err != nil {
				return err
			}
			s := l.streams[l.lastID]
			s.take = (&events{seen: func() { seen(i) }}).take
			opened = append(opened, s)
		}
		for _, s := range opened {
			for s.status == 0 {
				if err := l.receive(); err != nil {
					return err
				}
			}
			if s.status != s.wanted {
				return fmt.Errorf("a watch was answered with %d, not %d", s.status, s.wanted)
			}
		}
		return nil
	})
}

// Watch reads events until the context ends, which is no error.
func (l *Light) Watch(ctx context.Context) error {
	err := l.within(ctx, func() error {
		for {
			if err := l.receive(); err != nil {
				return err
			}
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// receive takes one frame, none of which may end an answer.
func (l *Light) receive() error {
	frame, err := l.framer.ReadFrame()
	if err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	ended, err := l.handle(frame)
	if ended != nil {
		return fmt.Errorf("watch %d ended after %s with status %d", ended.call, time.Since(ended.since), ended.status)
	}
	return err
}

// events counts the events in a stream of bytes: a length of four bytes and so many more.
type events struct {
	head [4]byte
	have int // of the head
	left int // of the event
	seen func()
}

func (e *events) take(data []byte) {
	for len(data) > 0 {
		if e.have < len(e.head) {
			n := copy(e.head[e.have:], data)
			e.have += n
			data = data[n:]
			e.left = int(binary.BigEndian.Uint32(e.head[:]))
			continue
		}
		n := min(e.left, len(data))
		e.left -= n
		data = data[n:]
		if e.left == 0 {
			e.have = 0
			e.seen()
		}
	}
}
