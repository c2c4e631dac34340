package join

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	bootstrap "k8s.io/cluster-bootstrap/token/api"
)

// Token is what a node shows when it joins: abcdef.0123456789abcdef, or K10<hash>::abcdef.0123456789abcdef where it also
// says whose authority it believes.
type Token struct {
	ID, Secret string
	// Hash is the SHA-256 of the authority's PEM file in hexadecimal digits; empty where the token does not pin it.
	Hash string
}

const pinPrefix = "K10"

var (
	tokenPattern = regexp.MustCompile(bootstrap.BootstrapTokenPattern)
	hashPattern  = regexp.MustCompile(`\A[0-9a-f]{64}\z`)
)

// ParseToken reads either form.
func ParseToken(text string) (Token, error) {
	var t Token
	rest := text
	if pinned, ok := strings.CutPrefix(text, pinPrefix); ok {
		hash, after, found := strings.Cut(pinned, "::")
		if !found || !hashPattern.MatchString(hash) {
			return t, fmt.Errorf("the token begins with %s, but no SHA-256 and :: follow; want %s<64 hexadecimal digits>::abcdef.0123456789abcdef", pinPrefix, pinPrefix)
		}
		t.Hash, rest = hash, after
	}
	words := tokenPattern.FindStringSubmatch(rest)
	if words == nil {
		return Token{}, fmt.Errorf("the token has not the form abcdef.0123456789abcdef; `coxswain token generate` makes one")
	}
	t.ID, t.Secret = words[1], words[2]
	return t, nil
}

// NewToken makes a random one.
func NewToken() (Token, error) {
	id, err := random(bootstrap.BootstrapTokenIDBytes)
	if err != nil {
		return Token{}, err
	}
	secret, err := random(bootstrap.BootstrapTokenSecretBytes)
	return Token{ID: id, Secret: secret}, err
}

// random letters and digits. Bytes that would make some of them likelier are thrown away.
func random(n int) (string, error) {
	const symbols = "0123456789abcdefghijklmnopqrstuvwxyz"
	var text []byte
	for buffer := make([]byte, 2*n); len(text) < n; {
		if _, err := rand.Read(buffer); err != nil {
			return "", fmt.Errorf("making a token: %w", err)
		}
		for _, b := range buffer {
			if int(b) < 256/len(symbols)*len(symbols) && len(text) < n {
				text = append(text, symbols[int(b)%len(symbols)])
			}
		}
	}
	return string(text), nil
}

// String is the short form, which authenticates.
func (t Token) String() string { return t.ID + "." + t.Secret }

// Pinned is the form that also names the authority.
func (t Token) Pinned(authority []byte) string {
	return pinPrefix + hashOf(authority) + "::" + t.String()
}

func hashOf(authority []byte) string {
	sum := sha256.Sum256(authority)
	return hex.EncodeToString(sum[:])
}
