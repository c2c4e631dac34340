// Command conformance runs upstream's conformance suite against a cluster of several nodes on this machine.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	var r runner
	flag.StringVar(&r.Root, "root", "../..", "the project's folder")
	flag.StringVar(&r.Focus, "focus", "", "run the tests whose names match a regular expression")
	flag.StringVar(&r.SIG, "sig", "", "run the tests of a group, such as sig-apps")
	flag.BoolVar(&r.CI, "ci", false, "run fast tests that have passed before, most of them near what changed last")
	flag.BoolVar(&r.BuildOnly, "build-only", false, "build what is missing and stop")
	flag.StringVar(&r.Kubeconfig, "kubeconfig", "", "run against this cluster instead of starting one")
	flag.IntVar(&r.Nodes, "nodes", 2, "nodes of the cluster")
	flag.IntVar(&r.Processes, "procs", 6, "processes that run parallel tests")
	flag.BoolVar(&r.Keep, "keep", false, "leave the cluster running")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := r.Run(ctx); err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "conformance:", err)
		}
		os.Exit(1)
	}
}
