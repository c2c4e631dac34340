package auth

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"unicode/utf8"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/authenticator"
)

// webSocketPrefix starts the subprotocol by which browsers, which cannot set headers, hand in a token.
const webSocketPrefix = "base64url.bearer.authorization.k8s.io."

// BearerTokens recognizes a request by the token in its Authorization header, or in the subprotocols of
// a WebSocket handshake. The credentials are taken out of the request, so that nobody forwards them.
type BearerTokens struct {
	Tokens []authenticator.Token
}

// AuthenticateRequest implements authenticator.Request.
func (b *BearerTokens) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	token, found := headerToken(req.Header)
	forget := func() { req.Header.Del("Authorization") }
	if !found {
		var rest []string
		if token, rest, found = protocolToken(req.Header); !found {
			return nil, false, nil
		}
		forget = func() { req.Header.Set("Sec-WebSocket-Protocol", strings.Join(rest, ",")) }
	}
	response, ok, err := b.AuthenticateToken(req.Context(), token)
	if err != nil {
		return nil, false, err
	}
	forget()
	return response, ok, nil
}

// AuthenticateToken implements authenticator.Token: a token that nobody accepts is an error.
func (b *BearerTokens) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	errs := []error{ErrInvalidToken}
	for _, next := range b.Tokens {
		response, ok, err := next.AuthenticateToken(ctx, token)
		if err != nil {
			errs = append(errs, err)
		} else if ok {
			return response, true, nil
		}
	}
	return nil, false, utilerrors.NewAggregate(errs)
}

func headerToken(header http.Header) (string, bool) {
	scheme, token, found := strings.Cut(strings.TrimSpace(header.Get("Authorization")), " ")
	token = strings.TrimSpace(token)
	if !found || !strings.EqualFold(scheme, "bearer") || token == "" {
		return "", false
	}
	return token, true
}

// protocolToken returns the token and the other subprotocols, of which there must be one.
func protocolToken(header http.Header) (token string, rest []string, found bool) {
	if !strings.EqualFold(header.Get("Upgrade"), "websocket") {
		return "", nil, false
	}
	for _, line := range header[textproto.CanonicalMIMEHeaderKey("Sec-WebSocket-Protocol")] {
		for _, protocol := range strings.Split(line, ",") {
			protocol = strings.TrimSpace(protocol)
			encoded, is := strings.CutPrefix(protocol, webSocketPrefix)
			if !is {
				rest = append(rest, protocol)
				continue
			}
			decoded, err := base64.RawURLEncoding.DecodeString(encoded)
			if err != nil || found || !utf8.Valid(decoded) {
				return "", nil, false
			}
			token, found = string(decoded), true
		}
	}
	return token, rest, found && len(rest) > 0
}

// ForgetTokens takes tokens out of a request, also those that nobody looked at because its caller was known by something else.
func ForgetTokens(header http.Header) {
	header.Del("Authorization")
	name := textproto.CanonicalMIMEHeaderKey("Sec-WebSocket-Protocol")
	if !slices.ContainsFunc(header[name], func(line string) bool { return strings.Contains(line, webSocketPrefix) }) {
		return
	}
	var rest []string
	for _, line := range header[name] {
		for protocol := range strings.SplitSeq(line, ",") {
			if protocol = strings.TrimSpace(protocol); !strings.HasPrefix(protocol, webSocketPrefix) {
				rest = append(rest, protocol)
			}
		}
	}
	if len(rest) == 0 {
		header.Del(name)
		return
	}
	header.Set(name, strings.Join(rest, ","))
}
