package process

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/coxswain-k8s/coxswain/cluster"
)

// Streams are the standard ones of the process, or a test's.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Serve runs a server until ctx ends.
func Serve(ctx context.Context, s Streams, options cluster.Options) error {
	began := time.Now()
	ready := collectUnderLoad()
	running, err := cluster.Start(WithLogger(ctx, s.Err), options)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.Err, "ready in %d ms\n", time.Since(began).Milliseconds())
	ready()
	return running.Wait()
}
