package inprocess

import (
	"errors"
	"net"
	"testing"

	utilnet "k8s.io/apimachinery/pkg/util/net"
)

// A watch that its client ends is closed for it, and has not failed: of a failure there would be an event that nobody takes, and whoever were
// to hand it on would wait for ever.
func TestEndedWatchHasNotFailed(t *testing.T) {
	done := make(chan struct{})
	close(done)
	body := &memoryBody{pipe: newPipe(), done: done}
	if _, err := body.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) || !utilnet.IsProbableEOF(err) {
		t.Error(err)
	}
}
