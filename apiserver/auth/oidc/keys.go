package oidc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

const (
	wellKnown = "/.well-known/openid-configuration"
	// maxDocument bounds what an issuer may answer.
	maxDocument = 1 << 20
	// fetchPatience bounds one look at an issuer.
	fetchPatience = 15 * time.Second
	// fetchPause is the least time between two looks, for anybody can send tokens with keys that nobody knows.
	fetchPause = time.Second
	// keysLast is how long keys are believed before the issuer is asked whether it still has them.
	keysLast = time.Hour
)

// keys are those of an issuer, as far as they are known.
type keys struct {
	issuer, discoveryURL string
	client               *http.Client
	clock                clock.PassiveClock
	metrics              *authmetrics.Metrics
	lasting              context.Context // of the server

	fetching chan struct{} // held by who asks the issuer
	known    atomic.Pointer[keySet]
}

// keySet is what one look at the issuer found.
type keySet struct {
	keys []jose.JSONWebKey
	url  string // where they were found
	at   time.Time
	err  error // of the last look; the keys are those of an earlier one
}

func newKeys(of apiserver.Issuer, client *http.Client, s Settings) *keys {
	k := &keys{
		issuer: of.URL, discoveryURL: of.DiscoveryURL, client: client, clock: s.Clock, metrics: s.Metrics, lasting: s.Lasting,
		fetching: make(chan struct{}, 1),
	}
	if k.discoveryURL == "" {
		k.discoveryURL = strings.TrimSuffix(of.URL, "/") + wellKnown
	}
	if k.lasting == nil {
		k.lasting = context.Background()
	}
	k.known.Store(&keySet{})
	return k
}

// verify returns the payload of a token that one of the keys has signed. Where none has, the issuer may have new ones.
func (k *keys) verify(ctx context.Context, signed *jose.JSONWebSignature) ([]byte, error) {
	known := k.known.Load()
	if payload, ok := known.verify(signed); ok && k.clock.Since(known.at) < keysLast {
		return payload, nil
	}
	fresh, err := k.fetch(ctx, known)
	if err != nil {
		return nil, err
	}
	if payload, ok := fresh.verify(signed); ok {
		return payload, nil
	}
	if len(fresh.keys) == 0 && fresh.err != nil {
		return nil, fmt.Errorf("fetching keys %w", fresh.err)
	}
	return nil, errors.New("failed to verify id token signature")
}

func (s *keySet) verify(signed *jose.JSONWebSignature) ([]byte, bool) {
	id := ""
	for _, signature := range signed.Signatures {
		id = signature.Header.KeyID
	}
	for i := range s.keys {
		if id != "" && s.keys[i].KeyID != id {
			continue
		}
		if payload, err := signed.Verify(&s.keys[i]); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// fetch asks the issuer for keys that are newer than seen. Who comes while another asks waits for that answer.
func (k *keys) fetch(ctx context.Context, seen *keySet) (*keySet, error) {
	select {
	case k.fetching <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-k.fetching }()
	known := k.known.Load()
	if known != seen || !known.at.IsZero() && k.clock.Since(known.at) < fetchPause {
		return known, nil
	}
	fetching, cancel := context.WithTimeout(k.lasting, fetchPatience) // not the caller's: others want the answer too
	defer cancel()
	found, url, document, err := k.ask(fetching, known.url)
	fresh := &keySet{keys: found, url: url, at: k.clock.Now(), err: err}
	if err != nil {
		fresh.keys = known.keys // and the place is looked up anew
	}
	if k.metrics != nil {
		k.metrics.Keys(k.issuer, fresh.at, document)
	}
	k.known.Store(fresh)
	return fresh, nil
}

// ask fetches the keys, after the discovery document where it is not known or has changed.
func (k *keys) ask(ctx context.Context, url string) (found []jose.JSONWebKey, from string, document []byte, err error) {
	if url == "" {
		if url, err = k.discover(ctx); err != nil {
			return nil, "", nil, err
		}
	}
	var set jose.JSONWebKeySet
	if document, err = k.get(ctx, url, &set); err != nil {
		return nil, "", nil, err
	}
	return set.Keys, url, document, nil
}

// discover returns where the keys of the issuer are.
func (k *keys) discover(ctx context.Context) (string, error) {
	var configuration struct {
		Issuer  string `json:"issuer"`
		KeysURL string `json:"jwks_uri"`
	}
	if _, err := k.get(ctx, k.discoveryURL, &configuration); err != nil {
		return "", err
	}
	if configuration.Issuer != k.issuer {
		return "", fmt.Errorf("oidc: issuer did not match the issuer returned by provider, expected %q got %q", k.issuer, configuration.Issuer)
	}
	if configuration.KeysURL == "" {
		return "", fmt.Errorf("oidc: %s names no jwks_uri", k.discoveryURL)
	}
	return configuration.KeysURL, nil
}

func (k *keys) get(ctx context.Context, url string, into any) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", url, err)
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("asking the issuer: %w", err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxDocument))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", url, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, response.Status)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return nil, fmt.Errorf("decoding %s: %w", url, err)
	}
	return body, nil
}

// ready returns when the keys of the issuer are known.
func (k *keys) ready(ctx context.Context) error {
	known := k.known.Load()
	if len(known.keys) > 0 {
		return nil
	}
	fresh, err := k.fetch(ctx, known)
	if err != nil {
		return err
	}
	return fresh.err
}
