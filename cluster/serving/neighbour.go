package serving

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"time"
)

const (
	// patience is how long a neighbour has for its answer.
	patience = 20 * time.Second
	// longestAnswer is how much of it is read.
	longestAnswer = 10 << 10
)

// Neighbour is a component that runs beside this process on the same machine and has a port of its own, as upstream's have.
type Neighbour struct{ Port int }

// Check returns what the neighbour says at /healthz. Whose certificate it shows does not matter: it is on the loopback.
func (n Neighbour) Check(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("https://127.0.0.1:%d/healthz", n.Port), nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("User-Agent", "kube-probe/1.36")
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true} //nolint:gosec // nothing secret is sent
	response, err := transport.RoundTrip(request)
	if err != nil {
		return "", fmt.Errorf("Get %q: %w", request.URL, err) //nolint:staticcheck // ST1005: as upstream's probe says it
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(response.Body, longestAnswer))
	if err == nil && (response.StatusCode < http.StatusOK || response.StatusCode >= http.StatusBadRequest) {
		err = fmt.Errorf("HTTP probe failed with statuscode: %d", response.StatusCode)
	}
	return string(body), err
}
