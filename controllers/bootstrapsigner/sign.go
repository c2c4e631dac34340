package bootstrapsigner

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
)

// Sign returns the detached signature of content by a bootstrap token: a JSON Web Signature in compact form whose middle
// part is left out (RFC 7515, appendix F). The libraries refuse keys as short as a bootstrap token's secret.
func Sign(content, tokenID, tokenSecret string) (string, error) {
	header, err := json.Marshal(struct {
		Algorithm string `json:"alg"`
		KeyID     string `json:"kid"`
	}{"HS256", tokenID})
	if err != nil {
		return "", fmt.Errorf("signing with token %s: %w", tokenID, err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	code := hmac.New(sha256.New, []byte(tokenSecret))
	_, _ = code.Write([]byte(encode(header) + "." + encode([]byte(content)))) // never fails
	return encode(header) + ".." + encode(code.Sum(nil)), nil
}
