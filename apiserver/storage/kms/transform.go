package kms

import (
	"context"
	"crypto/aes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"k8s.io/apiserver/pkg/storage/value"
	aestransformer "k8s.io/apiserver/pkg/storage/value/encrypt/aes"
	stored "k8s.io/apiserver/pkg/storage/value/encrypt/envelope/kmsv2/v2"
)

// Prefix is what values of a provider begin with in the store.
func Prefix(name string) string { return "k8s:enc:kms:v2:" + name + ":" }

var _ value.Transformer = &Provider{}

// errNoKey says that the plugin has not named a key yet.
var errNoKey = errors.New("got unexpected nil transformer")

// TransformToStorage implements value.Transformer.
func (p *Provider) TransformToStorage(ctx context.Context, data []byte, at value.Context) ([]byte, error) {
	s := p.state.Load()
	if s == nil {
		return nil, errNoKey
	}
	if now := p.clock.Now(); now.After(s.expires) {
		return nil, fmt.Errorf("encryptedDEKSource with keyID hash %q expired at %s (current time is %s)",
			Hash(s.keyID), s.expires.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	encrypted, err := s.writer.TransformToStorage(ctx, data, at)
	if err != nil {
		return nil, err
	}
	s.meter.note()
	return proto.Marshal(&stored.EncryptedObject{
		KeyID: s.keyID, EncryptedDEKSource: s.encrypted, Annotations: s.annotations, EncryptedData: encrypted,
		EncryptedDEKSourceType: stored.EncryptedDEKSourceType_HKDF_SHA256_XNONCE_AES_GCM_SEED,
	})
}

// TransformFromStorage implements value.Transformer. What another key has encrypted than that of now is stale.
func (p *Provider) TransformFromStorage(ctx context.Context, data []byte, at value.Context) (plain []byte, stale bool, err error) {
	object := &stored.EncryptedObject{}
	if err := proto.Unmarshal(data, object); err != nil {
		return nil, false, fmt.Errorf("reading an encrypted value: %w", err)
	}
	from := source{keyID: object.KeyID, encrypted: object.EncryptedDEKSource, annotations: object.Annotations}
	if err := from.check(); err != nil {
		return nil, false, err
	}
	if len(object.EncryptedData) == 0 {
		return nil, false, errors.New("encrypted data is empty")
	}
	isSeed := object.EncryptedDEKSourceType == stored.EncryptedDEKSourceType_HKDF_SHA256_XNONCE_AES_GCM_SEED
	s, err := p.open(ctx, from, isSeed)
	if err != nil {
		return nil, false, err
	}
	if plain, _, err = s.reader.TransformFromStorage(ctx, object.EncryptedData, at); err != nil {
		return nil, false, fmt.Errorf("decrypting with a key of keyID hash %q: %w", Hash(object.KeyID), err)
	}
	s.meter.note()
	now := p.state.Load()
	return plain, !isSeed || now != nil && now.keyID != object.KeyID, nil
}

// seed is what a decrypted seed, or key, decrypts with.
type seed struct {
	reader value.Transformer
	meter  meter
}

func (p *Provider) decrypted(ctx context.Context, from source, isSeed bool) (*seed, error) {
	bytes, err := p.plugin.decrypt(ctx, from)
	if err != nil {
		return nil, err
	}
	made := &seed{meter: p.metrics.meter("from_storage", p.name, from.keyID)}
	if isSeed {
		made.reader, err = aestransformer.NewHKDFExtendedNonceGCMTransformer(bytes)
		return made, err
	}
	block, err := aes.NewCipher(bytes)
	if err != nil {
		return nil, err
	}
	made.reader, err = aestransformer.NewGCMTransformer(block)
	return made, err
}

func (p *Provider) keep(key string, s *seed) {
	p.seeds.Add(key, s)
	p.metrics.sources.WithLabelValues(p.name).Set(float64(p.seeds.Len()))
}

// seedKey stands for all that the plugin is told when it decrypts.
func seedKey(from source, isSeed bool) string {
	hash := sha256.New()
	write := func(data []byte) { fmt.Fprintf(hash, "%d:", len(data)); hash.Write(data) }
	write([]byte(from.keyID))
	write(from.encrypted)
	for _, name := range slices.Sorted(maps.Keys(from.annotations)) {
		write([]byte(name))
		write(from.annotations[name])
	}
	fmt.Fprint(hash, isSeed)
	return string(hash.Sum(nil))
}
