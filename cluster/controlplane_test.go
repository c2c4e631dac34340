package cluster

import (
	"errors"
	"testing"
	"time"
)

// However many parts fail, and whoever reads why: close waits for them, and none waits to be heard.
func TestPartsThatFailDoNotWaitToBeHeard(t *testing.T) {
	c := &controlPlane{failed: make(chan error, 4)}
	for range 12 {
		c.run("part", func() error { return errors.New("broken") })
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.running.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("a part that failed still runs")
	}
	if err := <-c.failed; err == nil || err.Error() != "running the part: broken" {
		t.Error(err)
	}
}
