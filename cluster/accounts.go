package cluster

import (
	"crypto"
	"fmt"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
)

// accountTokens are how service accounts prove who they are.
type accountTokens struct {
	issuers, audiences []string
	signing            crypto.Signer
	keys               []tokens.PublicKey
}

// newAccountTokens uses the user's keys, or else the server's own.
func (c *controlPlane) newAccountTokens() (*accountTokens, error) {
	o := c.options
	t := &accountTokens{issuers: o.ServiceAccountIssuers, audiences: o.APIAudiences, signing: c.certificates.Tokens}
	if len(t.issuers) == 0 {
		t.issuers = []string{"https://kubernetes.default.svc." + o.ClusterDomain}
	}
	if len(t.audiences) == 0 {
		t.audiences = t.issuers
	}
	var err error
	if o.ServiceAccountSigningKeyFile != "" {
		if t.signing, err = tokens.LoadSigner(o.ServiceAccountSigningKeyFile); err != nil {
			return nil, fmt.Errorf("reading --service-account-signing-key-file: %w", err)
		}
	}
	for _, file := range o.ServiceAccountKeyFiles {
		more, err := tokens.LoadPublicKeys(file)
		if err != nil {
			return nil, fmt.Errorf("reading --service-account-key-file: %w", err)
		}
		t.keys = append(t.keys, more...)
	}
	if len(t.keys) == 0 {
		key, err := tokens.NewPublicKey(t.signing.Public())
		if err != nil {
			return nil, err
		}
		t.keys = []tokens.PublicKey{key}
	}
	return t, nil
}

// jwksURI is where others find the keys that verify tokens.
func (c *controlPlane) jwksURI() string {
	if c.options.ServiceAccountJWKSURI != "" {
		return c.options.ServiceAccountJWKSURI
	}
	return c.publicURL() + tokens.KeysPath
}
