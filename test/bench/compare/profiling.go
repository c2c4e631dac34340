package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
		data, err := client.RESTClient().Get().AbsPath("/debug/pprof/profile").Param("seconds", fmt.Sprint(profileSeconds)).DoRaw(ctx)
		if err == nil {
			err = os.WriteFile(filepath.Join(t.profiles, strings.ReplaceAll(name, " ", "-")+".pprof"), data, 0o600)
		}
		done <- err
	}()
	return func() error { return <-done }
}
