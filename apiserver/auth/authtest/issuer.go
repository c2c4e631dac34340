package authtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"

	"github.com/go-jose/go-jose/v4"
)

// Issuer is an OpenID Connect provider: it serves its discovery document and keys over TLS, and signs what it is told to.
type Issuer struct {
	*httptest.Server
	// Fetched counts how often the keys were asked for.
	Fetched atomic.Int64
	// Handle answers every other path.
	Handle http.Handler

	mu      sync.Mutex
	name    string
	keys    []*ecdsa.PrivateKey
	serving int // how many keys are published
}

// NewIssuer starts an issuer with one key. Its name is its URL until Rename.
func NewIssuer() (*Issuer, error) {
	i := &Issuer{}
	i.Server = httptest.NewUnstartedServer(http.HandlerFunc(i.serve))
	i.StartTLS()
	i.name = i.URL
	return i, i.Rotate(true)
}

// Rename has the issuer call itself something else than its URL.
func (i *Issuer) Rename(name string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.name = name
}

// Rotate makes the key that signs from now on. Only a published key can be found by others.
func (i *Issuer) Rotate(publish bool) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, key)
	if publish {
		i.serving = len(i.keys)
	}
	return nil
}

// CA returns the certificate by which clients verify the issuer, in PEM.
func (i *Issuer) CA() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw}))
}

// Token signs claims with the newest key; iss is the issuer's name unless they say otherwise.
func (i *Issuer) Token(claims map[string]any) (string, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	all := map[string]any{"iss": i.name}
	for key, value := range claims {
		all[key] = value
	}
	payload, err := json.Marshal(all)
	if err != nil {
		return "", fmt.Errorf("encoding claims: %w", err)
	}
	newest := len(i.keys) - 1
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.keys[newest], KeyID: keyID(newest)}}, nil)
	if err != nil {
		return "", fmt.Errorf("making a signer: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	return signed.CompactSerialize()
}

func keyID(n int) string { return fmt.Sprintf("key-%d", n) }

func (i *Issuer) serve(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	name, keys := i.name, i.keys[:i.serving]
	i.mu.Unlock()
	var answer any
	switch r.URL.Path {
	case "/.well-known/openid-configuration":
		answer = map[string]any{"issuer": name, "jwks_uri": i.URL + "/keys", "id_token_signing_alg_values_supported": []string{"ES256"}}
	case "/keys":
		i.Fetched.Add(1)
		set := jose.JSONWebKeySet{}
		for n, key := range keys {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: keyID(n), Algorithm: "ES256", Use: "sig"})
		}
		answer = set
	default:
		if i.Handle != nil {
			i.Handle.ServeHTTP(w, r)
			return
		}
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer) // the client sees what is missing
}

// Withdraw has the issuer publish no key any more.
func (i *Issuer) Withdraw() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.serving = 0
}
