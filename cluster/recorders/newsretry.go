package recorders

import (
	"context"
	"errors"
	"net"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

const (
	// newsTries are how often one event is written at most.
	newsTries = 5
	// newsPause is how long after the first failure it is tried again; then three times as long.
	newsPause = 100 * time.Millisecond
)

// deliver writes an event, and again where the API could not take it just now. What it says no to stays said.
func (n *news) deliver(ctx context.Context, event *eventsv1.Event) error {
	pause := newsPause
	for try := 1; ; try++ {
		err := n.client.Create(ctx, event)
		if try > 1 && apierrors.IsAlreadyExists(err) { // it was taken, and the answer was lost
			return nil
		}
		if err == nil || try == newsTries || ctx.Err() != nil || !passes(err) {
			return err
		}
		n.sleep(ctx, pause)
		pause *= 3
	}
}

// passes says whether an error may be gone the next time: the server is busy, stops, or could not be asked.
func passes(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		var network net.Error
		return errors.As(err, &network) || errors.Is(err, context.DeadlineExceeded)
	}
	return apierrors.IsTooManyRequests(err) || apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsInternalError(err)
}
