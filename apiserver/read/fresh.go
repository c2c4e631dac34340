package read

import (
	"context"
	"strconv"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// waitFresh waits until the cache is as fresh as a client asks.
func (c Verbs) waitFresh(ctx context.Context, resourceVersion string) error {
	if err := c.At.Cached.WaitReady(ctx); err != nil {
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

// waitForList is waitFresh for a list, whose wait is counted.
func (c Verbs) waitForList(resourceVersion string) error {
	start := time.Now()
	err := c.waitFresh(c.Context(), resourceVersion)
	c.At.Cached.Waited(time.Since(start))
	return err
}

// waitRevision waits a little for a revision that is not there yet.
func (c Verbs) waitRevision(ctx context.Context, revision int64) error {
	if c.Cache.Revision() >= revision {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, maxWaitForRevision)
	defer cancel()
	if err := c.Cache.WaitFor(short, revision); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return refusal.TooLargeVersion(revision, c.Cache.Revision())
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

// maxWaitForRevision bounds the wait for a resourceVersion that is not there yet.
const maxWaitForRevision = 3 * time.Second
