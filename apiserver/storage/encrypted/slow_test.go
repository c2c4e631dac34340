package encrypted

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/storage/value"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// elsewhere writes a value at each key as another server would, each with a seed that is not known here.
func (r *rig) elsewhere(t *testing.T, keys ...string) {
	t.Helper()
	here, store := r.Keeper, r.store
	defer func() { r.Keeper, r.store = here, store }()
	for _, key := range keys {
		r.Keeper = &Keeper{Path: here.Path, Server: "other", Clock: r.clock}
		r.open(t)
		if _, err := r.store.Commit(t.Context(), storage.Op{Key: storage.Root + "secrets/" + key, Value: []byte("hidden")}); err != nil {
			t.Fatal(err)
		}
	}
}

// list counts what can be read of the secrets.
func (r *rig) list(t *testing.T) (all, readable int) {
	t.Helper()
	page, err := r.store.Range(t.Context(), storage.Range{Prefix: storage.Root + "secrets/"})
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range page.Records {
		if record.Err == nil && string(record.Value) == "hidden" {
			readable++
		}
	}
	return len(page.Records), readable
}

// run looks after plugins and file until the test ends.
func (r *rig) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	keeper := r.Keeper
	go func() { done <- keeper.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestClientThatHangsUpDoesNotFailThePlugin(t *testing.T) {
	r := newRig(t)
	r.start(t, r.socket)
	r.open(t)
	r.elsewhere(t, "a")
	epoch := r.Epoch()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	r.clock.Step(aWhile)
	if err := r.Check(gone); err != nil {
		t.Errorf("the check says %v", err)
	}
	if r.current.Load().providers[0].Refresh(gone) == nil {
		t.Error("the question of one that is gone was answered")
	}
	if _, err := r.store.Get(gone, storage.Root+"secrets/a"); !errors.Is(err, context.Canceled) {
		t.Errorf("one that is gone reads %v", err)
	}
	if _, readable := r.list(t); readable != 1 {
		t.Error("who comes after one that hung up cannot read")
	}
	r.clock.Step(aWhile)
	if err := r.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if epoch.isOver() || r.store.missed.Load() != nil {
		t.Error("all is to be read again because a client hung up")
	}
}

// A configuration that is taken over while a value is read must not make it pass for one that the new keys wrote.
func TestEpochIsOlderThanTheTransformer(t *testing.T) {
	s := over(t, embed(t), "- {resources: [secrets], providers: [{aesgcm: {keys: [{name: k, secret: "+one+"}]}}]}")
	if _, err := s.Commit(t.Context(), storage.Op{Key: secretKey, Value: []byte("hidden")}); err != nil {
		t.Fatal(err)
	}
	k, before := &Keeper{}, s.Transformer
	k.epoch.Store(newEpoch())
	s.Epoch = k.Epoch
	s.Transformer = func(key string) value.Transformer {
		defer k.turn()
		return before(key)
	}
	record, err := s.Get(t.Context(), secretKey)
	if err != nil || string(record.Value) != "hidden" || record.Stale == nil || !record.Stale() {
		t.Errorf("read %q, %v, which is not stale", record.Value, err)
	}
}

func TestEarlierMissIsNotForgotten(t *testing.T) {
	first, second := newEpoch(), newEpoch()
	s := &Store{Store: embed(t), Epoch: func() *Epoch { return second }}
	s.note(first)
	s.note(second)
	close(first.over)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := s.Watch(ctx, storage.Root, 0, func([]storage.Event, int64) error { return nil }); !errors.Is(err, storage.ErrCompacted) {
		t.Errorf("the watch ended with %v", err)
	}
}

// While a plugin does not decrypt, one question waits for it and the others fail at once; all is read again when it does.
func TestHungPluginIsAskedOnce(t *testing.T) {
	r := newRig(t)
	r.start(t, r.socket)
	r.open(t)
	r.elsewhere(t, "a", "b", "c")
	r.hang()
	if all, readable := r.list(t); all != 3 || readable != 0 || r.decrypts.Load() != 1 {
		t.Errorf("%d of %d can be read, %d were asked for", readable, all, r.decrypts.Load())
	}
	epoch := r.Epoch()
	r.release()
	r.run(t)
	r.await(t, epoch, func() {})
	if all, readable := r.list(t); readable != all {
		t.Errorf("%d of %d can be read", readable, all)
	}
}

func TestPluginIsNotAskedWhileItFails(t *testing.T) {
	r := newRig(t)
	stop := r.start(t, r.socket)
	r.open(t)
	r.elsewhere(t, "a", "b")
	stop()
	r.clock.Step(aWhile)
	if r.Check(t.Context()) == nil {
		t.Fatal("the plugin works")
	}
	r.start(t, r.socket)
	epoch := r.Epoch()
	if _, readable := r.list(t); readable != 0 || r.decrypts.Load() != 0 {
		t.Errorf("%d can be read, %d were asked for", readable, r.decrypts.Load())
	}
	r.clock.Step(aWhile)
	if err := r.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, readable := r.list(t); readable != 2 || !epoch.isOver() {
		t.Errorf("%d can be read after it works", readable)
	}
}

// The feed goes on without what a plugin is slow to decrypt, and ends for it to be read again when the answer comes.
func TestSlowPluginDoesNotHoldUpTheFeed(t *testing.T) {
	r := newRig(t)
	r.write(t, strings.Replace(viaPlugin, "3s", "1m", 1))
	r.start(t, r.socket)
	r.open(t)
	r.hang()
	delivered, ended := make(chan storage.Event, 1), make(chan error, 1)
	ctx, store := t.Context(), r.store
	go func() {
		ended <- store.Watch(ctx, storage.Root, 0, func(events []storage.Event, _ int64) error {
			for _, event := range events {
				delivered <- event
			}
			return nil
		})
	}()
	r.elsewhere(t, "a")
	r.elapse(t, func() bool {
		select {
		case event := <-delivered:
			return event.Err != nil
		default:
			return false
		}
	})
	r.release()
	select {
	case err := <-ended:
		if !errors.Is(err, storage.ErrCompacted) {
			t.Errorf("the watch ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the watch goes on")
	}
	if _, readable := r.list(t); readable != 1 || r.decrypts.Load() != 1 {
		t.Errorf("%d can be read, %d were asked for", readable, r.decrypts.Load())
	}
}

func TestBusyFolderDoesNotHoldUpTheFile(t *testing.T) {
	for _, busy := range []string{"another", "the file"} {
		t.Run(busy, func(t *testing.T) {
			r := newRig(t)
			r.start(t, r.socket)
			r.Keeper.Reload = true
			r.write(t, "- {resources: [secrets], providers: [{identity: {}}]}")
			r.open(t)
			r.run(t)
			epoch := r.Epoch()
			r.write(t, viaPlugin)
			r.await(t, epoch, func() {
				if busy == "the file" {
					r.write(t, viaPlugin)
				} else if err := os.WriteFile(filepath.Join(filepath.Dir(r.Path), "log"), []byte(time.Now().String()), 0o600); err != nil {
					t.Error(err)
				}
			})
		})
	}
}
