package encrypted

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage/value"
	kmsapi "k8s.io/kms/apis/v2"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// service is a key management service: it encrypts with keys that are made of their names.
type service struct {
	kmsapi.UnimplementedKeyManagementServiceServer
	key                atomic.Value // string
	encrypts, decrypts atomic.Int32
	hung               atomic.Pointer[chan struct{}] // what to decrypt waits for
}

// hang on everything that is to be decrypted, until release.
func (s *service) hang() {
	until := make(chan struct{})
	s.hung.Store(&until)
}

func (s *service) release() { close(*s.hung.Swap(nil)) }

func sealer(key string) cipher.AEAD {
	secret := sha256.Sum256([]byte(key))
	block, _ := aes.NewCipher(secret[:])
	sealed, _ := cipher.NewGCMWithRandomNonce(block)
	return sealed
}

func (s *service) Status(context.Context, *kmsapi.StatusRequest) (*kmsapi.StatusResponse, error) {
	return &kmsapi.StatusResponse{Version: "v2", Healthz: "ok", KeyId: s.key.Load().(string)}, nil
}

func (s *service) Encrypt(_ context.Context, r *kmsapi.EncryptRequest) (*kmsapi.EncryptResponse, error) {
	s.encrypts.Add(1)
	key := s.key.Load().(string)
	return &kmsapi.EncryptResponse{
		KeyId: key, Ciphertext: sealer(key).Seal(nil, nil, r.Plaintext, nil), Annotations: map[string][]byte{"version.example.com": []byte("1")},
	}, nil
}

func (s *service) Decrypt(ctx context.Context, r *kmsapi.DecryptRequest) (*kmsapi.DecryptResponse, error) {
	s.decrypts.Add(1)
	if until := s.hung.Load(); until != nil {
		select {
		case <-*until:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	plain, err := sealer(r.KeyId).Open(nil, nil, r.Ciphertext, nil)
	return &kmsapi.DecryptResponse{Plaintext: plain}, err
}

// start serves on a socket until the returned function is called.
func (s *service) start(t *testing.T, socket string) (stop func()) {
	t.Helper()
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	kmsapi.RegisterKeyManagementServiceServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return server.Stop
}

// rig is a store under a keeper with one plugin.
type rig struct {
	*Keeper
	*service
	clock  *testclock.FakeClock
	below  storage.Store
	store  *Store
	socket string
}

// aWhile is after what an answer about the health of a plugin counts.
const aWhile = 10 * time.Second

// viaPlugin waits for its plugin for so long where that is away.
const viaPlugin = "- {resources: [secrets], providers: [{kms: {apiVersion: v2, name: p, timeout: 3s, endpoint: 'unix://SOCKET'}}, {identity: {}}]}"

func newRig(t *testing.T) *rig {
	t.Helper()
	dir, err := os.MkdirTemp("", "kms") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	r := &rig{clock: testclock.NewFakeClock(time.Now()), below: embed(t), service: &service{}, socket: filepath.Join(dir, "s")}
	r.key.Store("one")
	r.Keeper = &Keeper{Path: filepath.Join(dir, "c.yaml"), Server: "server", Clock: r.clock}
	r.write(t, viaPlugin)
	return r
}

func (r *rig) write(t *testing.T, text string) {
	t.Helper()
	next := r.Path + ".next"
	if err := os.WriteFile(next, []byte(head+strings.ReplaceAll(text, "SOCKET", r.socket)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, r.Path); err != nil {
		t.Fatal(err)
	}
}

func (r *rig) open(t *testing.T) {
	t.Helper()
	k := r.Keeper // whichever takes its place
	if err := k.Open(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.store = &Store{Store: r.below, Epoch: k.Epoch, Transformer: func(string) value.Transformer { return k.For(schema.GroupResource{Resource: "secrets"}) }}
}

const secretKey = storage.Root + "secrets/default/s"

func (r *rig) put(t *testing.T, text string) error {
	t.Helper()
	_, err := r.store.Commit(t.Context(), storage.Op{Key: secretKey, Value: []byte(text), Expected: storage.Any})
	return err
}

func (r *rig) get(t *testing.T) storage.Record {
	t.Helper()
	record, err := r.store.Get(t.Context(), secretKey)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

func TestPluginEncryptsAndRotates(t *testing.T) {
	r := newRig(t)
	r.start(t, r.socket)
	r.open(t)
	if err := r.put(t, "hidden"); err != nil {
		t.Fatal(err)
	}
	raw, err := r.below.Get(t.Context(), secretKey)
	if err != nil || !bytes.HasPrefix(raw.Value, []byte("k8s:enc:kms:v2:p:")) || bytes.Contains(raw.Value, []byte("hidden")) {
		t.Fatalf("stored %q, %v", raw.Value, err)
	}
	before := r.get(t)
	if string(before.Value) != "hidden" || before.Stale() {
		t.Fatalf("read %q", before.Value)
	}
	if r.encrypts.Load() != 1 || r.decrypts.Load() != 0 {
		t.Errorf("%d encryptions and %d decryptions, want one seed made and none asked for", r.encrypts.Load(), r.decrypts.Load())
	}
	r.key.Store("two")
	r.clock.Step(aWhile)
	if err := r.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !before.Stale() {
		t.Error("what was read before another key came is not stale")
	}
	if now := r.get(t); string(now.Value) != "hidden" || !now.Stale() {
		t.Errorf("what the old key encrypted reads %q", now.Value)
	}
	if err := r.put(t, "hidden"); err != nil {
		t.Fatal(err)
	}
	if now := r.get(t); string(now.Value) != "hidden" || now.Stale() {
		t.Error("what the new key encrypted is stale")
	}
	// Another server knows neither seed, and asks for each once.
	r.Keeper = &Keeper{Path: r.Path, Server: "other", Clock: r.clock}
	r.open(t)
	for range 3 {
		if now := r.get(t); string(now.Value) != "hidden" || now.Stale() {
			t.Errorf("another server reads %q", now.Value)
		}
	}
	if r.decrypts.Load() != 1 {
		t.Errorf("%d decryptions, want 1", r.decrypts.Load())
	}
	r.shows(t, r.Keeper, "apiserver_envelope_encryption_key_id_hash_total", "apiserver_envelope_encryption_kms_operations_latency_seconds",
		"apiserver_envelope_encryption_dek_source_cache_size", "apiserver_encryption_config_controller_last_config_info")
}

func (*rig) shows(t *testing.T, k *Keeper, names ...string) {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(k.Collectors()...)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, family := range families {
		found[family.GetName()] = true
	}
	for _, name := range names {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// While the plugin is away, the key of before is good for three minutes, and the health check fails at once.
func TestPluginThatGoesAway(t *testing.T) {
	r := newRig(t)
	stop := r.start(t, r.socket)
	r.open(t)
	stop()
	if err := r.put(t, "hidden"); err != nil {
		t.Error(err)
	}
	r.clock.Step(aWhile)
	err := r.Check(t.Context())
	if err == nil || !strings.HasPrefix(err.Error(), "kms-provider-0: failed to perform status section of the healthz check for KMS Provider p, error: rpc error: code = ") {
		t.Errorf("the check says %v", err)
	}
	r.clock.Step(4 * time.Minute)
	if err := r.put(t, "more"); err == nil || !strings.Contains(err.Error(), `encryptedDEKSource with keyID hash "sha256:`) || !strings.Contains(err.Error(), " expired at ") {
		t.Errorf("a write after the end of the key: %v", err)
	}
	if now := r.get(t); string(now.Value) != "hidden" {
		t.Errorf("read %q", now.Value)
	}
}

// What a plugin that comes later can decrypt is read again: the watch ends, and whoever follows begins anew.
func TestPluginThatComesLater(t *testing.T) {
	r := newRig(t)
	stop := r.start(t, r.socket)
	r.open(t)
	if err := r.put(t, "hidden"); err != nil {
		t.Fatal(err)
	}
	stop()
	r.Keeper = &Keeper{Path: r.Path, Server: "other", Clock: r.clock}
	r.open(t)
	if err := r.put(t, "more"); err == nil || err.Error() != "got unexpected nil transformer" {
		t.Errorf("a write without a key: %v", err)
	}
	ended := make(chan error, 1)
	ctx, store := t.Context(), r.store
	go func() {
		ended <- store.Watch(ctx, storage.Root, 0, func([]storage.Event, int64) error { return nil })
	}()
	now := r.get(t)
	if now.Err == nil || !strings.HasPrefix(now.Err.Error(), `unable to transform key "/registry/secrets/default/s": failed to decrypt DEK, error: `) {
		t.Errorf("read with %v", now.Err)
	}
	r.start(t, r.socket)
	r.clock.Step(aWhile)
	if err := r.Check(ctx); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !errors.Is(err, storage.ErrCompacted) {
			t.Errorf("the watch ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Error("the watch goes on")
	}
	if now := r.get(t); string(now.Value) != "hidden" {
		t.Errorf("read %q, %v", now.Value, now.Err)
	}
}

func TestFileIsTakenOverWhenItChanges(t *testing.T) {
	r := newRig(t)
	r.start(t, r.socket)
	r.Keeper.Reload = true
	r.write(t, "- {resources: [secrets], providers: [{identity: {}}]}")
	r.open(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	if err := r.put(t, "hidden"); err != nil {
		t.Fatal(err)
	}
	before, epoch := r.get(t), r.Epoch()
	r.write(t, viaPlugin)
	r.await(t, epoch, func() {})
	if !before.Stale() {
		t.Error("what the old configuration wrote is not stale")
	}
	if err := r.put(t, "hidden"); err != nil {
		t.Fatal(err)
	}
	raw, err := r.below.Get(ctx, secretKey)
	if err != nil || !bytes.HasPrefix(raw.Value, []byte("k8s:enc:kms:v2:p:")) {
		t.Errorf("stored %q, %v", raw.Value, err)
	}
	r.shows(t, r.Keeper, "apiserver_encryption_config_controller_automatic_reloads_total", "apiserver_encryption_config_controller_automatic_reload_last_timestamp_seconds")
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What is stored while the plugins of another configuration are asked for their first keys is stored as before, in the epoch of before.
func TestFirstKeysOfAnotherConfigurationChangeNothing(t *testing.T) {
	r := newRig(t)
	r.start(t, r.socket)
	r.write(t, "- {resources: [secrets], providers: [{identity: {}}]}")
	r.open(t)
	epoch := r.Epoch()
	r.write(t, viaPlugin)
	c, err := r.load()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.refresh(t.Context()), c.Close()); err != nil {
		t.Fatal(err)
	}
	if epoch.isOver() {
		t.Error("another epoch has begun, and the old configuration is still in use")
	}
}

// await the end of an epoch, while the clock goes on and something happens.
func (r *rig) await(t *testing.T, e *Epoch, meanwhile func()) {
	t.Helper()
	r.elapse(t, func() bool {
		meanwhile()
		return e.isOver()
	})
}

// elapse lets the clock go on until something is so.
func (r *rig) elapse(t *testing.T, so func() bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	limit := time.After(time.Minute)
	for !so() {
		select {
		case <-ticker.C:
			r.clock.Step(settled / 10)
		case <-limit:
			t.Fatal("it does not become so")
		}
	}
}
