// Command coxswain is a whole Kubernetes cluster in one program. docs/tour.md says what happens inside.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/coxswain-k8s/coxswain/cmd/coxswain/process"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	process.MeasureClients()
	err := run(ctx, os.Args, process.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	var exit *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &exit):
		os.Exit(exit.ExitCode())
	default:
		fmt.Fprintln(os.Stderr, "coxswain:", err)
		os.Exit(1)
	}
}
