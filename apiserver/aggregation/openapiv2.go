package aggregation

import (
	"context"
	"crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

const (
	oldPath = "/openapi/v2"
	// describedFor is how long what a server said of itself counts before it is asked again.
	describedFor = 10 * time.Second
	maxDocument  = 64 << 20
)

// description is what a server said of its group version in OpenAPI v2.
type description struct {
	*openapi.External
	etag string
	at   time.Time
}

// externals are what the servers that are there say in OpenAPI v2. They are asked when somebody asks for that, all at once; of
// one that does not answer, it is what it said before.
func (a *Aggregator) externals(ctx context.Context) map[string]*openapi.External {
	remotes := a.all()
	var asking sync.WaitGroup
	for _, r := range remotes {
		known := r.old.Load()
		if r.available.Load() && r.transport != nil && (known == nil || a.Clock.Since(known.at) >= describedFor) {
			asking.Go(func() { a.describe(ctx, r, known) })
		}
	}
	asking.Wait()
	found := map[string]*openapi.External{}
	for _, r := range remotes {
		if known := r.old.Load(); known != nil && known.External != nil && r.available.Load() {
			found[r.name] = known.External
		}
	}
	return found
}

// describe asks a server for its document, unless that has not changed.
func (a *Aggregator) describe(ctx context.Context, r *remote, known *description) {
	next := &description{at: a.Clock.Now()}
	if known != nil {
		next.External, next.etag = known.External, known.etag
	}
	data, etag, err := a.download(ctx, r, next.etag)
	if err == nil && data != nil {
		next.External, err = partOf(data, r.spec.Group, r.spec.Version)
		next.etag = etag
	}
	if err != nil {
		logr.FromContextOrDiscard(ctx).V(1).Info("A server does not describe itself in OpenAPI v2", "apiService", r.name, "reason", err.Error())
	}
	r.old.Store(next)
}

// download returns the document, or nothing where it is still that of the tag.
func (a *Aggregator) download(ctx context.Context, r *remote, etag string) (data []byte, newTag string, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+r.host+oldPath, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	identify(request.Header, &user.DefaultInfo{Name: "system:aggregator", Groups: []string{user.SystemPrivilegedGroup}})
	request.Header.Set("Accept", "application/json")
	if etag != "" {
		request.Header.Set("If-None-Match", etag)
	}
	response, err := r.transport.RoundTrip(request) // which follows no redirect
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusNotModified:
		return nil, etag, nil
	case http.StatusOK:
		data, err = io.ReadAll(io.LimitReader(response.Body, maxDocument))
		return data, response.Header.Get("Etag"), err
	}
	return nil, "", fmt.Errorf("bad status: %d", response.StatusCode)
}

// partOf a document is what it says of the group version. What belongs to others is not the server's to describe.
func partOf(data []byte, group, version string) (*openapi.External, error) {
	e := &openapi.External{Hash: fmt.Sprintf("%X", sha512.Sum512(data))}
	if err := json.Unmarshal(data, e); err != nil {
		return nil, fmt.Errorf("reading OpenAPI v2: %w", err)
	}
	root := "/apis/" + group + "/"
	for path := range e.Paths {
		if path != root && path != root+version && !strings.HasPrefix(path, root+version+"/") {
			delete(e.Paths, path)
		}
	}
	return e, nil
}
