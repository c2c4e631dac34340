package apiserver

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// get answers with one object. Without a resourceVersion it is as fresh as what was committed before the
// request; with one, at least as fresh as that.
func (c *call) get() error {
	entry, err := c.find(c.info.Name)
	if err != nil {
		return err
	}
	return c.writeEntry(http.StatusOK, entry)
}

func (c *call) find(name string) (*cache.Entry, error) {
	version := ""
	if c.r.URL.RawQuery != "" {
		version = c.r.URL.Query().Get("resourceVersion")
	}
	if version != "" {
		if _, err := parseRevision(version); err != nil {
			return nil, plainError(http.StatusInternalServerError, strings.TrimPrefix(err.Error(), invalidVersion))
		}
	}
	if err := c.waitFresh(c.ctx(), version); err != nil {
		return nil, err
	}
	return c.cachedEntry(name)
}

// latest returns the object as of all that was committed before the call.
func (c *call) latest(ctx context.Context, name string) (*cache.Entry, error) {
	if err := c.waitFresh(ctx, ""); err != nil {
		return nil, err
	}
	return c.cachedEntry(name)
}

func (c *call) cachedEntry(name string) (*cache.Entry, error) {
	entry, found := c.at.cached.GetKey(c.at.key(c.info.Namespace, name))
	if !found {
		return nil, c.notFound(name)
	}
	return entry, nil
}

// waitFresh waits until the cache is as fresh as a client asks.
func (c *call) waitFresh(ctx context.Context, resourceVersion string) error {
	if err := c.at.cached.WaitReady(ctx); err != nil {
		return err
	}
	if resourceVersion == "" {
		return c.Cache.WaitCommitted(ctx)
	}
	revision, err := parseRevision(resourceVersion)
	if err != nil {
		return err
	}
	return c.waitRevision(ctx, revision)
}

// waitRevision waits a little for a revision that is not there yet.
func (c *call) waitRevision(ctx context.Context, revision int64) error {
	if c.Cache.Revision() >= revision {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, maxWaitForRevision)
	defer cancel()
	if err := c.Cache.WaitFor(short, revision); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return tooLarge(revision, c.Cache.Revision())
	}
	return nil
}

// invalidVersion is how the refusal of a resourceVersion begins.
const invalidVersion = "invalid resource version: "

func parseRevision(resourceVersion string) (int64, error) {
	revision, err := strconv.ParseUint(resourceVersion, 10, 63)
	if err != nil {
		return 0, apierrors.NewBadRequest(invalidVersion + "resourceVersion: Invalid value: \"" + resourceVersion + "\": " + err.Error())
	}
	return int64(revision), nil
}
