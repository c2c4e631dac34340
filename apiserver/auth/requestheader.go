package auth

import (
	"crypto/x509"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
)

// RequestHeader believes the headers of a front proxy that shows a client certificate of its own authority.
type RequestHeader struct {
	Roots func() *x509.CertPool
	Clock clock.PassiveClock
	// AllowedNames are the common names a proxy may have; none means any.
	AllowedNames []string
	// Headers, in order of preference: X-Remote-User, X-Remote-Uid, X-Remote-Group, X-Remote-Extra-.
	UserHeaders, UIDHeaders, GroupHeaders, ExtraPrefixes []string
}

// AuthenticateRequest implements authenticator.Request.
func (r *RequestHeader) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	name := first(req.Header, r.UserHeaders)
	if name == "" || req.TLS == nil || len(req.TLS.PeerCertificates) == 0 {
		return nil, false, nil
	}
	proxy, err := verify(req.TLS.PeerCertificates, r.Roots(), r.Clock.Now())
	if err != nil {
		return nil, false, err
	}
	if len(r.AllowedNames) > 0 && !slices.Contains(r.AllowedNames, proxy.user.GetName()) {
		return nil, false, fmt.Errorf("subject with cn=%s is not in the allowed list", proxy.user.GetName())
	}
	u := &user.DefaultInfo{Name: name, UID: first(req.Header, r.UIDHeaders), Extra: r.extra(req.Header)}
	for _, header := range r.GroupHeaders {
		u.Groups = append(u.Groups, req.Header.Values(header)...)
	}
	for _, header := range slices.Concat(r.UserHeaders, r.UIDHeaders, r.GroupHeaders) {
		req.Header.Del(header)
	}
	return &authenticator.Response{User: u}, true, nil
}

// extra takes the extra attributes out of the headers.
func (r *RequestHeader) extra(header http.Header) map[string][]string {
	extra := map[string][]string{}
	for key, values := range header {
		for _, prefix := range r.ExtraPrefixes {
			if len(key) <= len(prefix) || !strings.EqualFold(key[:len(prefix)], prefix) {
				continue
			}
			name := strings.ToLower(key[len(prefix):])
			if unescaped, err := url.PathUnescape(name); err == nil {
				name = unescaped
			}
			extra[name] = append(extra[name], values...)
			header.Del(key)
		}
	}
	if len(extra) == 0 {
		return nil
	}
	return extra
}

func first(header http.Header, names []string) string {
	for _, name := range names {
		if value := header.Get(name); value != "" {
			return value
		}
	}
	return ""
}
