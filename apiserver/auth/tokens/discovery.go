package tokens

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/go-jose/go-jose/v4"
)

// Paths of the documents by which others verify our tokens.
const (
	ConfigurationPath = "/.well-known/openid-configuration"
	KeysPath          = "/openid/v1/jwks"
)

// configuration is the part of OpenID Connect discovery that has a meaning for service account tokens.
type configuration struct {
	Issuer        string   `json:"issuer"`
	KeysURL       string   `json:"jwks_uri"`
	ResponseTypes []string `json:"response_types_supported"`
	SubjectTypes  []string `json:"subject_types_supported"`
	Algorithms    []string `json:"id_token_signing_alg_values_supported"`
}

// Discovery returns the handlers of ConfigurationPath and KeysPath. keysURL says where clients outside find the keys; it is asked when
// the first of them comes, for a server knows its address no sooner than it listens.
func Discovery(issuer string, keysURL func() string, keys []PublicKey) (map[string]http.Handler, error) {
	document := configuration{Issuer: issuer, ResponseTypes: []string{"id_token"}, SubjectTypes: []string{"public"}}
	var set jose.JSONWebKeySet
	for _, key := range keys {
		if !slices.Contains(document.Algorithms, string(key.Algorithm)) {
			document.Algorithms = append(document.Algorithms, string(key.Algorithm))
		}
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Key, KeyID: key.ID, Algorithm: string(key.Algorithm), Use: "sig"})
	}
	slices.Sort(document.Algorithms)
	public, err := json.Marshal(set)
	if err != nil {
		return nil, fmt.Errorf("encoding public keys: %w", err)
	}
	about := sync.OnceValue(func() []byte {
		document.KeysURL = keysURL()
		data, _ := json.Marshal(document) // strings always encode
		return data
	})
	return map[string]http.Handler{
		ConfigurationPath: serve("application/json", about),
		KeysPath:          serve("application/jwk-set+json", func() []byte { return public }),
	}, nil
}

func serve(contentType string, body func() []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("Cache-Control", "public, max-age=3600")
		_, _ = w.Write(body())
	})
}
