package tokens

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/go-jose/go-jose/v4"
)

// PublicKey verifies what its private half has signed.
type PublicKey struct {
	ID        string // base64url of the SHA-256 of its DER form
	Algorithm jose.SignatureAlgorithm
	Key       crypto.PublicKey
}

// LoadSigner reads a private key (PKCS #1, PKCS #8 or SEC 1, in PEM).
func LoadSigner(path string) (crypto.Signer, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading signing key: %w", err)
	}
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if signer, err := parsePrivate(block); err == nil {
			return signer, nil
		}
	}
	return nil, fmt.Errorf("reading signing key: %s has no private key in PEM", path)
}

// LoadPublicKeys reads all public keys of a PEM file, those of its private keys and certificates among them.
func LoadPublicKeys(path string) ([]PublicKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading verification keys: %w", err)
	}
	var keys []PublicKey
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if public, err := parsePublic(block); err == nil {
			key, err := NewPublicKey(public)
			if err != nil {
				return nil, err
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("reading verification keys: %s has none in PEM", path)
	}
	return keys, nil
}

// NewPublicKey names a key and its algorithm: RS256, or ES256, ES384, ES512 by its curve.
func NewPublicKey(key crypto.PublicKey) (PublicKey, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		return PublicKey{}, fmt.Errorf("encoding public key: %w", err)
	}
	algorithm, err := algorithmOf(key)
	if err != nil {
		return PublicKey{}, err
	}
	sum := sha256.Sum256(der)
	return PublicKey{ID: base64.RawURLEncoding.EncodeToString(sum[:]), Algorithm: algorithm, Key: key}, nil
}

func algorithmOf(key crypto.PublicKey) (jose.SignatureAlgorithm, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return jose.RS256, nil
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256():
			return jose.ES256, nil
		case elliptic.P384():
			return jose.ES384, nil
		case elliptic.P521():
			return jose.ES512, nil
		}
	}
	return "", fmt.Errorf("unknown kind of key %T, want RSA or ECDSA on P-256, P-384 or P-521", key)
}

func parsePrivate(block *pem.Block) (crypto.Signer, error) {
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("a %T cannot sign", key)
	}
	return signer, nil
}

func parsePublic(block *pem.Block) (crypto.PublicKey, error) {
	if signer, err := parsePrivate(block); err == nil {
		return signer.Public(), nil
	}
	if certificate, err := x509.ParseCertificate(block.Bytes); err == nil {
		return certificate.PublicKey, nil
	}
	if key, err := x509.ParsePKCS1PublicKey(block.Bytes); err == nil {
		return key, nil
	}
	return x509.ParsePKIXPublicKey(block.Bytes)
}
