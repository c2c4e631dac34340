package main

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"k8s.io/client-go/kubernetes"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// profileSeconds is how long a profile is taken at most; a server that does nothing adds nothing to it.
const profileSeconds = 15

// profiledCalls is how many times more calls are made for a profile, which is a sample.
const profiledCalls = 8

// profile begins to profile the server, and returns what waits for the profile and writes it to a file. It does nothing unless
// profiles are asked for, many call and the server is Coxswain.
func (t *turn) profile(ctx context.Context, name string, workers int) func() error {
	if t.profiles == "" || workers == 1 || t.Peer.Name() != "Coxswain" {
		return func() error { return nil }
	}
	done := make(chan error, 1)
	go func() {
		config := load.Separate(t.Config)
		client, err := kubernetes.NewForConfig(config)
		if err != nil {
			done <- err
			return
		}
		get := func(path string) error {
			ask := client.RESTClient().Get().AbsPath("/debug/pprof/" + path)
			if path == "profile" {
				ask = ask.Param("seconds", strconv.Itoa(profileSeconds))
			}
			data, err := ask.DoRaw(ctx)
			if err != nil {
				return err
			}
			return os.WriteFile(filepath.Join(t.profiles, strings.ReplaceAll(name, " ", "-")+"."+path+".pprof"), data, 0o600)
		}
		if err := get("profile"); err != nil {
			done <- err
			return
		}
		done <- get("allocs")
	}()
	return func() error { return <-done }
}
