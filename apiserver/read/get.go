package read

import (
	"context"
	"net/http"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Get answers with one object. Without a resourceVersion it is as fresh as what was committed before the
// request; with one, at least as fresh as that.
func (c Verbs) Get() error {
	if c.R.URL.RawQuery != "" && request.Switched(c.R.URL.Query(), "export") {
		return apierrors.NewBadRequest("the export parameter, deprecated since v1.14, is no longer supported")
	}
	entry, err := c.Find(c.Info.Name)
	if err != nil {
		return err
	}
	return c.WriteEntry(http.StatusOK, entry)
}

// Find returns the object of a name, as fresh as the request asks.
func (c Verbs) Find(name string) (*cache.Entry, error) {
	version := ""
	if c.R.URL.RawQuery != "" {
		version = c.R.URL.Query().Get("resourceVersion")
	}
	if version != "" {
		if _, err := parseRevision(version); err != nil {
			if c.At.Row.TTL > 0 { // upstream keeps what vanishes in no cache, and its store has other words
				return nil, err
			}
			return nil, refusal.Plain(http.StatusInternalServerError, strings.TrimPrefix(err.Error(), invalidVersion))
		}
	}
	if err := c.waitFresh(c.Context(), version); err != nil {
		return nil, err
	}
	return c.cachedEntry(name)
}

// Latest returns the object as of all that was committed before the call.
func (c Verbs) Latest(ctx context.Context, name string) (*cache.Entry, error) {
	if err := c.waitFresh(ctx, ""); err != nil {
		return nil, err
	}
	return c.cachedEntry(name)
}

func (c Verbs) cachedEntry(name string) (*cache.Entry, error) {
	entry, found := c.At.Cached.GetKey(c.At.Key(c.Info.Namespace, name))
	if !found {
		return nil, c.NotFound(name)
	}
	return entry, nil
}
