package apiserver

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/websocket"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

const (
	// bookmarkEvery is how often a bookmark tells that the revision moved.
	bookmarkEvery = time.Minute
	// watchBuffer is what is written at once.
	watchBuffer = 16 << 10
)

// watch streams changes until the client goes, the timeout comes or the server stops.
func (c *call) watch() error {
	if c.accept.Media == codec.YAML {
		return notAcceptableText(c.streamed()) // which has no frames
	}
	options, err := c.listOptions()
	if err != nil {
		return err
	}
	selected, err := c.selection(options.LabelSelector, options.FieldSelector)
	if err != nil {
		return err
	}
	if c.info.LegacyWatch && c.info.Name != "" {
		if selected.fields != nil && selected.name != c.info.Name {
			return apierrors.NewBadRequest("fieldSelector metadata.name doesn't match requested name")
		}
		selected.name = c.info.Name
	}
	ctx, cancel := context.WithTimeoutCause(c.ctx(), c.watchTimeout(options.TimeoutSeconds), errWatchTimeout)
	defer cancel()
	watcher, err := c.startWatch(ctx, options, selected)
	if err != nil && !isExpired(err) {
		return err
	}
	if err == nil {
		defer watcher.Stop()
	}
	if wsstream.IsWebSocketRequest(c.r) {
		return c.watchSocket(ctx, watcher, options.AllowWatchBookmarks, err)
	}
	stream := c.newStream(options.AllowWatchBookmarks)
	if err != nil {
		stream.fail(err)
		return nil
	}
	stream.run(ctx, watcher)
	return nil
}

var errWatchTimeout = errors.New("watch timed out")

func (c *call) watchTimeout(seconds *int64) time.Duration {
	if seconds != nil && *seconds > 0 {
		return time.Duration(*seconds) * time.Second
	}
	if c.MinWatch < 0 {
		return math.MaxInt64
	}
	return c.MinWatch + rand.N(c.MinWatch)
}

func isExpired(err error) bool { return errors.Is(err, storage.ErrCompacted) }

// startWatch places a watcher as resourceVersion and sendInitialEvents say.
func (c *call) startWatch(ctx context.Context, options *metav1.ListOptions, selected *selection) (*cache.Watcher, error) {
	o := cache.WatchOptions{Namespace: c.namespaceOfKeys(), Name: selected.name}
	if !selected.onlyName() {
		o.Match = func(obj runtime.Object) bool { return selected.matches(obj.(resource.Object)) }
	}
	if selected.fields != nil && routeOf(c.at.row) != nil {
		o.Route, _ = selected.fields.RequiresExactMatch(nodeNameField)
	}
	if options.AllowWatchBookmarks {
		o.Bookmarks = bookmarkEvery
	}
	initial := options.SendInitialEvents != nil && *options.SendInitialEvents
	version := options.ResourceVersion
	switch {
	case initial:
		if err := c.waitFresh(ctx, version); err != nil {
			return nil, err
		}
		o.Initial, o.InitialBookmark = true, options.AllowWatchBookmarks
	case version == "" && options.SendInitialEvents != nil:
		if err := c.waitFresh(ctx, ""); err != nil {
			return nil, err
		}
	case version == "" || version == "0":
		// Without a version the current state comes first; "" wants it fresh.
		if err := c.waitFresh(ctx, version); err != nil {
			return nil, err
		}
		o.Initial = options.SendInitialEvents == nil
	default:
		revision, err := parseRevision(version)
		if err != nil {
			return nil, plainError(http.StatusInternalServerError, strings.TrimPrefix(err.Error(), "invalid resource version: "))
		}
		if err := c.waitRevision(ctx, revision); err != nil {
			return nil, err
		}
		o.After = revision
	}
	return c.at.cached.Watch(ctx, o)
}

// stream writes the events of one watch.
type stream struct {
	*call
	waiting   *[]byte // frames that wait for flush; nil when there are none
	flusher   *http.ResponseController
	socket    *websocket.Conn // instead of both
	headers   bool            // a table's columns have been sent
	bookmarks bool
	counted   metrics.Watch
}

func (c *call) newStream(bookmarks bool) *stream {
	contentType := c.accept.Media.String()
	switch c.accept.Media {
	case codec.Protobuf:
		contentType += ";stream=watch"
	case codec.CBOR:
		contentType = codec.TypeCBORSequence
	}
	c.w.Header().Set("Content-Type", contentType)
	c.w.WriteHeader(http.StatusOK)
	s := &stream{call: c, flusher: http.NewResponseController(c.w), bookmarks: bookmarks, counted: c.countWatch()}
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
	if err := codec.WriteFrame((*appender)(s.waiting), media, eventType, object...); err != nil {
		return err
	}
	if len(*s.waiting) < watchBuffer {
		return nil
	}
	return s.write()
}

// write hands on what waits. An idle watch holds no buffer.
func (s *stream) write() error {
	if s.waiting == nil {
		return nil
	}
	_, err := s.w.Write(*s.waiting)
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
	defer context.AfterFunc(s.chain.Stopping, func() { cancel(errWatchTimeout) })()
	for {
		events, err := watcher.Next(ctx)
		if err != nil {
			s.end(watcher, err)
			return
		}
		for i := range events {
			if err := s.send(&events[i]); err != nil {
				s.fail(err)
				return
			}
		}
		if !s.flush() {
			return
		}
	}
}

// end tells the client why the watch ends, where that is not its own doing.
func (s *stream) end(watcher *cache.Watcher, err error) {
	switch {
	case isExpired(err):
		s.fail(expiredWatch(watcher.Revision(), s.Cache.Revision()))
	case errors.Is(err, errWatchTimeout) && s.bookmarks:
		bookmark := watcher.Bookmark()
		if s.send(&bookmark) == nil {
			s.flush()
		}
	}
}

// fail sends an ERROR event.
func (s *stream) fail(err error) {
	if isExpired(err) {
		err = expiredWatch(0, s.Cache.Revision())
	}
	data, encodeErr := codec.Encode(statusOf(err), s.accept.Media)
	if encodeErr == nil && s.frame(s.accept.Media, string(watch.Error), data) == nil {
		s.flush()
	}
}

func (s *stream) send(event *cache.Event) error {
	if event.Type == watch.Bookmark {
		return s.sendBookmark(event)
	}
	if s.accept.As == "Table" {
		obj, err := s.at.object(s.ctx(), event.Entry)
		if err != nil {
			return err
		}
		return s.sendTable(string(event.Type), obj)
	}
	data, err := s.encoded(event.Entry)
	if err != nil {
		return fmt.Errorf("encoding %s: %w", event.Entry.Key, err)
	}
	if s.accept.Media != codec.Protobuf {
		return s.frame(s.accept.Media, string(event.Type), data)
	}
	head := codec.EnvelopeHead(nil, s.shownKind(), len(data))
	return s.frame(s.accept.Media, string(event.Type), head, data, []byte(codec.EnvelopeTail()))
}

// sendBookmark sends an object that has nothing but a resourceVersion.
func (s *stream) sendBookmark(event *cache.Event) error {
	obj := s.at.version.New()
	if s.partial() {
		obj = &metav1.PartialObjectMetadata{}
	}
	obj.GetObjectKind().SetGroupVersionKind(s.shownKind())
	obj.SetResourceVersion(strconv.FormatInt(event.Revision, 10))
	if event.InitialEnd {
		obj.SetAnnotations(map[string]string{metav1.InitialEventsAnnotationKey: "true"})
	}
	if s.accept.As == "Table" {
		return s.sendTable(string(watch.Bookmark), obj)
	}
	data, err := codec.Encode(obj, s.accept.Media)
	if err != nil {
		return err
	}
	return s.frame(s.accept.Media, string(watch.Bookmark), data)
}

// sendTable sends one row; the first table of a watch has the columns.
func (s *stream) sendTable(eventType string, obj resource.Object) error {
	table, err := s.tableOf([]resource.Object{obj}, metav1.ListMeta{ResourceVersion: obj.GetResourceVersion()})
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
