package main

import (
	"context"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/coxswain-k8s/coxswain/test/bench/peer"
	"github.com/coxswain-k8s/coxswain/test/differential/answers"
	"github.com/coxswain-k8s/coxswain/test/differential/hooks"
	"github.com/coxswain-k8s/coxswain/test/differential/requests"
)

type options struct {
	upstream, ours string
	octet          int
	send, only     string
	write          string
	data, objects  string
	hooks          string
	verbose        bool
}

func main() {
	var o options
	flag.StringVar(&o.upstream, "upstream", "build/peers", "folder with upstream's programs")
	flag.StringVar(&o.ours, "ours", "bin/coxswain", "program of the server")
	flag.IntVar(&o.octet, "octet", 105, "number of the first of two machines, to set them apart from others that run at the same time")
	flag.StringVar(&o.send, "send", "", "pattern of the areas whose requests are sent, for a short run; what is set up always is")
	flag.StringVar(&o.only, "only", "", "pattern of the requests whose answers are compared")
	flag.StringVar(&o.write, "write", "", "page to write the result to")
	flag.StringVar(&o.data, "data", "test/differential/testdata", "folder of scenarios, objects and accepted differences")
	flag.StringVar(&o.objects, "objects", "apis/testdata", "folder of further objects")
	flag.StringVar(&o.hooks, "hooks", "", "be the program that answers webhooks, with the certificate in this folder; the command starts one beside each server")
	flag.BoolVar(&o.verbose, "v", false, "print accepted differences too")
	flag.Parse()
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.hooks != "" {
		return hooks.Serve(ctx, o.hooks)
	}
	for _, path := range []*string{&o.upstream, &o.ours} { // programs run in the folder of their machine
		var err error
		if *path, err = filepath.Abs(*path); err != nil {
			return err
		}
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return err
	}
	sent, err := regexp.Compile(o.send)
	if err != nil {
		return err
	}
	rules, err := answers.ReadRules(o.data + "/accepted.yaml")
	if err != nil {
		return err
	}
	result := newResult(rules)
	for _, round := range []struct {
		gates string
		read  func() ([]requests.Request, error)
	}{
		{"", func() ([]requests.Request, error) { return requests.All(o.data, o.objects) }},
		{requests.Gates, func() ([]requests.Request, error) { return requests.Gated(o.data) }},
	} {
		all, err := round.read()
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(r requests.Request) bool { return r.Area != requests.SetUp && !sent.MatchString(r.Area) })
		if !slices.ContainsFunc(all, func(r requests.Request) bool { return r.Area != requests.SetUp }) {
			continue
		}
		if err := o.compare(ctx, round.gates, all, only, result); err != nil {
			return err
		}
	}
	result.print(os.Stdout, o.verbose)
	if o.write != "" {
		err = result.write(o.write)
	}
	if len(result.differences) > 0 {
		err = errors.Join(err, fmt.Errorf("%d requests are answered differently, and testdata/accepted.yaml has no reason for it", len(result.differences)))
	}
	return err
}

// compare asks both sides, with what gates switches on, and adds to the result how their answers differ.
func (o options) compare(ctx context.Context, gates string, all []requests.Request, only *regexp.Regexp, result *result) error {
	upstream, ours, err := ask(ctx, o, gates, all)
	if err != nil {
		return err
	}
	if err := allStored(upstream); err != nil {
		return err
	}
	for i := range upstream {
		if only.MatchString(upstream[i].request.ID()) {
			result.add(upstream[i].request, &upstream[i].Answer, &ours[i].Answer)
		}
	}
	return nil
}

// allStored says which of the objects that further requests are about upstream refused.
func allStored(upstream []answered) error {
	var err error
	for i := range upstream {
		a := &upstream[i]
		if strings.HasPrefix(a.request.Save, requests.Stored) && a.Code != http.StatusCreated {
			err = errors.Join(err, fmt.Errorf("storing %s: %s", a.request.ID(), a.Body))
		}
	}
	return err
}

// ask starts both sides, each with the program that answers webhooks beside it, and sends them the requests, at the same time.
func ask(ctx context.Context, o options, gates string, all []requests.Request) (upstream, ours []answered, err error) {
	peers := []peer.Peer{
		peer.Upstream{Programs: o.upstream, APIServerOnly: true, FeatureGates: gates},
		peer.Coxswain{Program: o.ours, APIServerOnly: true, FeatureGates: gates},
	}
	dir, err := os.MkdirTemp("", "hooks-")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(dir)
	trusted, err := hooks.Prepare(dir)
	if err != nil {
		return nil, nil, err
	}
	results, errs := make([][]answered, len(peers)), make([]error, len(peers))
	var both sync.WaitGroup
	for i, p := range peers {
		both.Go(func() {
			began := time.Now()
			side := askedSide{peer: p, octet: o.octet + i, hooks: dir, trusted: trusted}
			results[i], errs[i] = side.ask(ctx, all)
			fmt.Fprintf(os.Stderr, "%s: %d answers in %s\n", p.Name(), len(results[i]), time.Since(began).Round(time.Second))
		})
	}
	both.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	return results[0], results[1], nil
}

// askedSide is a server, the program beside it, and the certificate that is trusted there.
type askedSide struct {
	peer    peer.Peer
	octet   int
	hooks   string
	trusted []byte
}

func (a *askedSide) ask(ctx context.Context, all []requests.Request) ([]answered, error) {
	control, err := peer.Start(ctx, a.peer, a.octet)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err == nil {
		err = control.Beside(ctx, self, "-hooks", a.hooks)
	}
	if err != nil {
		return nil, errors.Join(err, control.Stop())
	}
	s, err := newSide(control.Config)
	if err == nil {
		s.saved["hooks.ca"] = base64.StdEncoding.EncodeToString(a.trusted)
		err = s.send(ctx, all)
	}
	if err == nil {
		err = control.Alive()
	}
	return s.answered, errors.Join(err, control.Stop())
}
