package aggregation

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/proxy"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// Serve answers a request for a group version that another server answers for. It returns false where none does.
func (a *Aggregator) Serve(w http.ResponseWriter, r *http.Request) bool {
	all := a.all()
	if len(all) == 0 {
		return false
	}
	gv, ok := groupVersionOf(r.URL.Path)
	if !ok {
		return false
	}
	found := all[gv]
	if found == nil {
		return false
	}
	a.forward(w, r, found)
	return true
}

// groupVersionOf a path below /apis/group/version, or of its document below /openapi/v3.
func groupVersionOf(path string) (schema.GroupVersion, bool) {
	rest, ok := strings.CutPrefix(strings.TrimPrefix(path, indexPath), "/apis/")
	if !ok {
		return schema.GroupVersion{}, false
	}
	group, rest, ok := strings.Cut(rest, "/")
	version, _, _ := strings.Cut(rest, "/")
	return schema.GroupVersion{Group: group, Version: version}, ok && version != ""
}

// forward sends a request on, as whoever made it.
func (a *Aggregator) forward(w http.ResponseWriter, r *http.Request, to *remote) {
	caller, ok := auth.UserFrom(r.Context())
	if !ok {
		http.Error(w, "missing user", http.StatusInternalServerError)
		return
	}
	audit.Forwarded(r.Context())
	if !to.available.Load() || to.transport == nil {
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
		return
	}
	service := to.spec.Service
	if _, err := a.Resolver.Resolve(service.Namespace, service.Name, ptr.Deref(service.Port, 443)); err != nil {
		http.Error(w, "service unavailable", http.StatusServiceUnavailable)
		return
	}
	location := &url.URL{Scheme: "https", Host: to.host, Path: r.URL.Path, RawPath: r.URL.RawPath, RawQuery: r.URL.RawQuery}
	sent := r.Clone(r.Context())
	sent.URL, sent.Host = location, location.Host
	sent.Header.Set(auditv1.HeaderAuditID, w.Header().Get(auditv1.HeaderAuditID)) // by which both servers' records of it are found
	identify(sent.Header, caller)
	// What a client names here is taken out on the way: it must not be what says who it is.
	sent.Header.Del("Connection")
	if isUpgrade(r) {
		sent.Header.Set("Connection", "Upgrade")
	}
	handler := proxy.NewUpgradeAwareHandler(location, to.transport, true, isUpgrade(r), responder{})
	handler.UseLocationHost = true
	handler.RejectForwardingRedirects = true
	handler.FlushInterval = 100 * time.Millisecond
	handler.ServeHTTP(w, sent)
}

func isUpgrade(r *http.Request) bool {
	for _, value := range r.Header.Values("Connection") {
		if strings.Contains(strings.ToLower(value), "upgrade") {
			return true
		}
	}
	return false
}

// identify says who calls, and takes out what the client may have said about that itself.
func identify(header http.Header, caller user.Info) {
	for name := range header {
		if lower := strings.ToLower(name); lower == "authorization" || strings.HasPrefix(lower, "x-remote-") || strings.HasPrefix(lower, "impersonate-") {
			header.Del(name)
		}
	}
	header.Set("X-Remote-User", caller.GetName())
	if caller.GetUID() != "" {
		header.Set("X-Remote-Uid", caller.GetUID())
	}
	for _, group := range caller.GetGroups() {
		header.Add("X-Remote-Group", group)
	}
	for key, values := range caller.GetExtra() {
		for _, value := range values {
			header.Add("X-Remote-Extra-"+escape(key), value)
		}
	}
}

// escape writes a key of the extra so that it can be the end of a header's name.
func escape(key string) string {
	const legal = "!#$&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var out strings.Builder
	for i := range len(key) {
		if strings.IndexByte(legal, key[i]) >= 0 {
			out.WriteByte(key[i])
			continue
		}
		const digits = "0123456789ABCDEF"
		out.Write([]byte{'%', digits[key[i]>>4], digits[key[i]&15]})
	}
	return out.String()
}

// responder answers what went wrong before anything was sent.
type responder struct{}

// Error implements proxy.ErrorResponder.
func (responder) Error(w http.ResponseWriter, r *http.Request, err error) {
	if late := r.Context().Err(); errors.Is(late, context.DeadlineExceeded) {
		data, _ := json.Marshal(refusal.Status(late)) // of strings and numbers alone
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusGatewayTimeout)
		_, _ = w.Write(data) // to a client that may be gone
		return
	}
	http.Error(w, err.Error(), http.StatusServiceUnavailable)
}
