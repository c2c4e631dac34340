package read

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/streaming/pkg/httpstream/wsstream"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

const (
	// bookmarkEvery is how often a bookmark tells that the revision moved.
	bookmarkEvery = time.Minute
	// watchBuffer is what is written at once.
	watchBuffer = 16 << 10
)

// Watch streams changes until the client goes, the timeout comes or the server stops.
func (c Verbs) Watch() error {
	if c.Accept.Media == codec.YAML {
		return refusal.NotAcceptableText("only the following media types are accepted: " + strings.Join(c.Streamed(), ", ")) // which has no frames
	}
	options, err := c.ListOptions()
	if err != nil {
		return err
	}
	selected, err := c.Selection(options.LabelSelector, options.FieldSelector)
	if err != nil {
		return err
	}
	if c.Info.LegacyWatch && c.Info.Name != "" {
		if selected.fields != nil && selected.name != c.Info.Name {
			return apierrors.NewBadRequest("fieldSelector metadata.name doesn't match requested name")
		}
		selected.name = c.Info.Name
	}
	ctx, cancel := context.WithTimeoutCause(c.Context(), c.watchTimeout(options.TimeoutSeconds), errWatchTimeout)
	defer cancel()
	watcher, err := c.startWatch(ctx, options, selected)
	if err != nil && !isExpired(err) {
		return err
	}
	if err == nil {
		defer watcher.Stop()
	} else {
		asked, _ := parseRevision(options.ResourceVersion) // or it could not be too old
		err = refusal.ExpiredWatch(asked, c.Cache.Revision())
	}
	if wsstream.IsWebSocketRequest(c.R) {
		return c.watchSocket(ctx, watcher, options.AllowWatchBookmarks, err)
	}
	stream := c.newStream(options.AllowWatchBookmarks)
	if err != nil {
		stream.fail(err)
		return nil
	}
	if c.At.Custom == nil || selected.onlyName() { // or else a webhook may be asked before it is known who sees an event
		stream.join(watcher)
	}
	stream.run(ctx, watcher)
	return nil
}

var errWatchTimeout = errors.New("watch timed out")

func (c Verbs) watchTimeout(seconds *int64) time.Duration {
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
func (c Verbs) startWatch(ctx context.Context, options *metav1.ListOptions, selected *Selection) (*cache.Watcher, error) {
	o := cache.WatchOptions{Namespace: c.namespaceOfKeys(), Name: selected.name}
	if !selected.onlyName() {
		o.Match = func(obj runtime.Object) bool { return selected.Matches(obj.(resource.Object)) }
	}
	if field := c.At.RoutedBy(); field != "" && selected.fields != nil {
		o.Route, _ = selected.fields.RequiresExactMatch(field)
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
			return nil, refusal.Plain(http.StatusInternalServerError, strings.TrimPrefix(err.Error(), "invalid resource version: "))
		}
		if err := c.waitRevision(ctx, revision); err != nil {
			return nil, err
		}
		o.After = revision
	}
	return c.At.Cached.Watch(ctx, o)
}
