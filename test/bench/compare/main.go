package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/coxswain-k8s/coxswain/test/bench/peer"
)

// options of a run.
type options struct {
	only     string
	side     string
	rounds   int
	quick    bool
	page     string
	coxswain string
	upstream string
	octet    int
	profiles string
	divide   int
}

func main() {
	var o options
	flag.StringVar(&o.only, "only", "", "scenarios to run, separated by commas: "+strings.Join(names(), ", ")+", "+perfPrefix+"; the page is not written then, but for the workloads of "+perfPrefix+" if it is all of them")
	flag.StringVar(&o.side, "side", "", "run upstream or Coxswain alone; the page is not written then")
	flag.IntVar(&o.rounds, "rounds", 3, "how often each side has its turn")
	flag.BoolVar(&o.quick, "quick", false, "one round with small numbers, to try the harness; the page is not written")
	flag.StringVar(&o.page, "page", "docs/benchmarks.md", "page whose part between the marks is replaced")
	flag.StringVar(&o.coxswain, "coxswain", "bin/coxswain", "the server")
	flag.StringVar(&o.upstream, "upstream", "build/peers", "folder with upstream's programs")
	flag.IntVar(&o.octet, "octet", 67, "number of the machine, to set it apart from others that run at the same time")
	flag.StringVar(&o.profiles, "profiles", "", "folder to write a profile of the CPU of Coxswain to for each kind of call, which slows it down")
	flag.IntVar(&o.divide, "divide", 1, "divide the numbers of nodes and pods of the workloads of scheduler_perf, which run with -only "+perfPrefix)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	more, err := perfs(o.divide)
	if err != nil {
		return err
	}
	chosen, err := choose(o.only, more)
	if err != nil {
		return err
	}
	for _, path := range []*string{&o.coxswain, &o.upstream} {
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	size := full
	if o.quick {
		size, o.rounds = small, 1
	}
	peers, err := sides(o.side, peer.Upstream{Programs: o.upstream}, peer.Coxswain{Program: o.coxswain})
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return errors.New("it makes network namespaces and needs root")
	}
	c := &comparison{peers: peers, size: size, octet: o.octet, profiles: o.profiles, results: newResults(), commands: map[string][]string{}}
	problems := c.run(ctx, chosen, o.rounds)
	c.results.print(os.Stdout)
	if ctx.Err() != nil || o.side != "" || o.profiles != "" || o.quick {
		return problems
	}
	switch o.only {
	case "":
		return errors.Join(problems, comparing.write(o.page, c.page(o.rounds), problems))
	case perfPrefix:
		return errors.Join(problems, perfing.write(o.page, c.perfPage(o.rounds, o.divide, chosen), problems))
	}
	return problems
}
