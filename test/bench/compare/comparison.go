package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/test/bench/peer"
)

// scenarioLimit bounds a turn, so that a server that hangs ends it.
const scenarioLimit = 10 * time.Minute

// scenario is one thing that is measured on a fresh cluster.
type scenario struct {
	name  string
	title string
	about string
	run   func(ctx context.Context, t *turn) error
}

// scenarios in the order of the page.
func scenarios() []scenario {
	return []scenario{starting(), idling(), calling(), callingTyped(), listing(), watching(), scheduling1000(), scheduling5000()}
}

func names() []string {
	var all []string
	for _, s := range scenarios() {
		all = append(all, s.name)
	}
	return all
}

// sides returns the one that was asked for, by default all. Upper and lower case are the same.
func sides(only string, all ...peer.Peer) ([]peer.Peer, error) {
	var called []string
	for _, p := range all {
		if strings.EqualFold(only, p.Name()) {
			return []peer.Peer{p}, nil
		}
		called = append(called, p.Name())
	}
	if only != "" {
		return nil, fmt.Errorf("no side is called %q; there are %s", only, strings.Join(called, ", "))
	}
	return all, nil
}

// choose returns the scenarios that were asked for, by default all but the workloads of scheduler_perf, which are asked for one by one or all by their
// prefix. Upper and lower case are the same.
func choose(only string, more []scenario) ([]scenario, error) {
	if only == "" {
		return scenarios(), nil
	}
	var chosen []scenario
	for _, name := range strings.Split(only, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == perfPrefix {
			chosen = append(chosen, more...)
			continue
		}
		if i := slices.IndexFunc(more, func(s scenario) bool { return s.name == name }); i >= 0 {
			chosen = append(chosen, more[i])
			continue
		}
		i := slices.Index(names(), name)
		if i < 0 {
			return nil, fmt.Errorf("no scenario is called %q; there are %s", name, strings.Join(names(), ", "))
		}
		chosen = append(chosen, scenarios()[i])
	}
	return chosen, nil
}

// size says how much of everything there is.
type size struct {
	idle                time.Duration
	calls, lightCalls   int // by 32 workers of client-go and of the light client
	lonely              int // by one
	fewPods, manyPods   int // to list
	lists               int
	fewWatch, manyWatch int
	changes, pacedMany  int
	nodesDivisor, pods  int
}

var (
	full = size{idle: 30 * time.Second, calls: 1000, lightCalls: 2000, lonely: 200, fewPods: 2000, manyPods: 20000, lists: 10,
		fewWatch: 200, manyWatch: 2000, changes: 200, pacedMany: 30, nodesDivisor: 1, pods: 5000}
	small = size{idle: 5 * time.Second, calls: 200, lightCalls: 400, lonely: 50, fewPods: 200, manyPods: 1000, lists: 3,
		fewWatch: 20, manyWatch: 200, changes: 50, pacedMany: 10, nodesDivisor: 20, pods: 250}
)

// comparison is a run.
type comparison struct {
	peers    []peer.Peer
	size     size
	octet    int
	profiles string
	results  *results
	commands map[string][]string // of each peer
	took     time.Duration
}

// turn of one peer with one scenario.
type turn struct {
	*peer.Control
	size     size
	profiles string // folder to write profiles to, if any
	record   func(figure)
}

// run gives every peer its turns. A turn that fails does not end the others.
func (c *comparison) run(ctx context.Context, chosen []scenario, rounds int) error {
	began := time.Now()
	defer func() { c.took = time.Since(began) }()
	var problems error
	for round := range rounds {
		for _, s := range chosen {
			for _, p := range c.peers {
				if ctx.Err() != nil {
					return errors.Join(problems, ctx.Err())
				}
				before := time.Now()
				err := c.turn(ctx, p, s)
				fmt.Fprintf(os.Stderr, "round %d, %s, %s: %v\n", round+1, s.name, p.Name(), time.Since(before).Round(time.Millisecond))
				if err != nil {
					problems = errors.Join(problems, fmt.Errorf("%s, %s: %w", s.name, p.Name(), err))
				}
			}
		}
	}
	return problems
}

func (c *comparison) turn(ctx context.Context, p peer.Peer, s scenario) (err error) {
	ctx, cancel := context.WithTimeout(ctx, scenarioLimit)
	defer cancel()
	control, err := peer.Start(ctx, p, c.octet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, control.Stop()) }()
	c.commands[p.Name()] = control.Commands()
	t := &turn{Control: control, size: c.size, profiles: c.profiles, record: func(f figure) { c.results.add(s.name, p.Name(), f) }}
	if err := s.run(ctx, t); err != nil {
		return err
	}
	return control.Alive()
}
