package read

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"time"

	"golang.org/x/net/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/h2"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// stream writes the events of one watch.
type stream struct {
	Verbs
	waiting   *[]byte // frames that wait for flush; nil when there are none
	flusher   *http.ResponseController
	socket    *websocket.Conn // instead of both
	outlet    h2.Outlet       // beside them; nil over HTTP/1.1
	taken     int             // of the events that Take was given last and did not take all
	headers   bool            // a table's columns have been sent
	bookmarks bool
	counted   metrics.Watch
	began     time.Time
}

// countWatch is what the events of the call are counted by.
func (c Verbs) countWatch() metrics.Watch {
	return c.Metrics.Watch(metrics.Names{Group: c.Info.Group, Version: c.Info.Version, Resource: c.Info.Resource})
}

// countInitial counts the end of what there was when the watch began.
func (s *stream) countInitial() {
	scope := "cluster"
	switch {
	case s.Info.Name != "":
		scope = "resource"
	case s.Info.Namespace != "":
		scope = "namespace"
	}
	s.Metrics.Listed(metrics.Names{Group: s.Info.Group, Version: s.Info.Version, Resource: s.Info.Resource}, scope, time.Since(s.began))
}

// frames gather the events of a watch.
//
// A pool holds memory, not state.
var frames = sync.Pool{New: func() any { return new([]byte) }}

// appender is an io.Writer to memory.
type appender []byte

// Write implements io.Writer.
func (a *appender) Write(data []byte) (int, error) {
	*a = append(*a, data...)
	return len(data), nil
}

func (c Verbs) newStream(bookmarks bool) *stream {
	contentType := c.Accept.Media.String()
	switch c.Accept.Media {
	case codec.Protobuf:
		contentType += ";stream=watch"
	case codec.CBOR:
		contentType = codec.TypeCBORSequence
	}
	c.W.Header().Set("Content-Type", contentType)
	c.W.WriteHeader(http.StatusOK)
	s := &stream{Verbs: c, flusher: http.NewResponseController(c.W), bookmarks: bookmarks, counted: c.countWatch(), began: time.Now()}
	s.flush()
	return s
}

// frame writes one event.
func (s *stream) frame(media codec.Media, eventType string, object ...[]byte) error {
	size := 0
	for _, part := range object {
		size += len(part)
	}
	s.counted.Sent(size)
	if s.socket != nil {
		return s.message(media, eventType, object...)
	}
	if s.waiting == nil {
		s.waiting = frames.Get().(*[]byte)
	}
	return codec.WriteFrame((*appender)(s.waiting), media, eventType, object...)
}

// isFull tells whether what waits is to be written.
func (s *stream) isFull() bool { return s.waiting != nil && len(*s.waiting) >= watchBuffer }

// write hands on what waits. An idle watch holds no buffer.
func (s *stream) write() error {
	if s.waiting == nil {
		return nil
	}
	_, err := s.W.Write(*s.waiting)
	*s.waiting = (*s.waiting)[:0]
	frames.Put(s.waiting)
	s.waiting = nil
	return err
}

func (s *stream) flush() bool {
	if s.socket != nil {
		return true // each message is sent at once
	}
	return s.write() == nil && s.flusher.Flush() == nil
}

// run sends events as they come, as many at once as there are.
func (s *stream) run(ctx context.Context, watcher *cache.Watcher) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.Stopping, func() { cancel(errWatchTimeout) })()
	for {
		events, err := watcher.Next(ctx)
		if err != nil {
			s.end(watcher, err)
			return
		}
		if err := s.sendAll(events[s.taken:]); err != nil {
			s.fail(err)
			return
		}
		s.taken = 0
		if !s.flush() {
			return
		}
	}
}

func (s *stream) sendAll(events []cache.Event) error {
	for i := range events {
		if err := s.send(&events[i]); err != nil {
			return err
		}
		if !s.isFull() {
			continue
		}
		if err := s.write(); err != nil {
			return err
		}
	}
	return nil
}

// end tells the client why the watch ends, where that is not its own doing.
func (s *stream) end(watcher *cache.Watcher, err error) {
	switch {
	case isExpired(err):
		s.fail(refusal.ExpiredWatch(watcher.Revision(), s.Cache.Revision()))
	case errors.Is(err, errWatchTimeout) && s.bookmarks:
		bookmark := watcher.Bookmark()
		if s.send(&bookmark) == nil {
			s.flush()
		}
	}
}

// fail sends an ERROR event.
func (s *stream) fail(err error) {
	data, encodeErr := codec.Encode(refusal.Status(err), s.Accept.Media)
	if encodeErr == nil && s.frame(s.Accept.Media, string(watch.Error), data) == nil {
		s.flush()
	}
}

func (s *stream) send(event *cache.Event) error {
	if event.Type == watch.Bookmark {
		return s.sendBookmark(event)
	}
	if s.Accept.As == "Table" {
		obj, err := s.At.Object(s.Context(), event.Entry)
		if err != nil {
			return err
		}
		return s.sendTable(string(event.Type), obj)
	}
	data, err := s.Encoded(event.Entry)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", event.Entry.Key, err)
	}
	if s.Accept.Media != codec.Protobuf {
		return s.frame(s.Accept.Media, string(event.Type), data)
	}
	head := codec.EnvelopeHead(nil, s.ShownKind(), len(data))
	return s.frame(s.Accept.Media, string(event.Type), head, data, []byte(codec.EnvelopeTail()))
}

// sendBookmark sends an object that has nothing but a resourceVersion.
func (s *stream) sendBookmark(event *cache.Event) error {
	obj := s.At.Version.New()
	if s.Partial() {
		obj = &metav1.PartialObjectMetadata{}
	}
	obj.GetObjectKind().SetGroupVersionKind(s.ShownKind())
	obj.SetResourceVersion(strconv.FormatInt(event.Revision, 10))
	if event.InitialEnd {
		s.countInitial()
		obj.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
	if s.Accept.As == "Table" {
		return s.sendTable(string(watch.Bookmark), obj)
	}
	data, err := codec.Encode(obj, s.Accept.Media)
	if err != nil {
		return err
	}
	return s.frame(s.Accept.Media, string(watch.Bookmark), data)
}

// sendTable sends one row; the first table of a watch has the columns.
func (s *stream) sendTable(eventType string, obj resource.Object) error {
	table, err := s.TableOf([]resource.Object{obj}, metav1.ListMeta{ResourceVersion: obj.GetResourceVersion()})
	if err != nil {
		return err
	}
	if s.headers {
		table.ColumnDefinitions = nil
	}
	s.headers = true
	data, err := codec.Encode(table, codec.JSON)
	if err != nil {
		return err
	}
	return s.frame(codec.JSON, eventType, data)
}
