package packed_test

import (
	"errors"
	"runtime/debug"
	"sync"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
)

func TestSharedEncodingsAreMadeOnceAtATime(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // what is shared is kept until it is garbage
	var shared packed.Shared
	var made, running, most int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			data, err := shared.Encoding("it", "json", func() ([]byte, error) {
				mu.Lock()
				made, running = made+1, running+1
				most = max(most, running)
				mu.Unlock()
				defer func() { mu.Lock(); running--; mu.Unlock() }()
				return []byte("data"), nil
			})
			if err != nil || string(data) != "data" {
				t.Errorf("got %q: %v", data, err)
			}
		})
	}
	all.Wait()
	if most != 1 || made != 1 {
		t.Errorf("%d were made, %d at a time", made, most)
	}
	failed := errors.New("failed")
	if _, err := shared.Encoding("other", "json", func() ([]byte, error) { return nil, failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	for _, of := range []string{"other", "it"} {
		if data, err := shared.Encoding(of, "json", func() ([]byte, error) { return []byte(of), nil }); err != nil || string(data) != of {
			t.Errorf("got %q of %s: %v", data, of, err)
		}
	}
}
