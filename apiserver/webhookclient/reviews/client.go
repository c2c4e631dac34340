package reviews

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
)

// Upstream's backoff of calls that may succeed when they are repeated.
const (
	attempts    = 5
	pauseFactor = 1.5
	pauseJitter = 0.2
	// longestPause bounds what a webhook can ask for by Retry-After: a request waits for it.
	longestPause = 10 * time.Second
	maxAnswer    = 4 << 20
)

// UsualPause before the second attempt, where nothing else is configured.
const UsualPause = 500 * time.Millisecond

// Client posts reviews to one server.
type Client struct {
	url   string
	http  *http.Client
	pause time.Duration
	clock clock.Clock
}

// New reads from a kubeconfig where to post, and as whom. An attempt may take as long as patience, and the second comes after pause.
func New(kubeconfig string, patience, pause time.Duration, c clock.Clock) (*Client, error) {
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig}, &clientcmd.ConfigOverrides{}).ClientConfig()
	if err != nil {
		return nil, err
	}
	config.Timeout = patience
	made, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of %s: %w", kubeconfig, err)
	}
	url := config.Host
	if !strings.Contains(url, "://") {
		url = "https://" + url
	}
	return &Client{url: url + "?timeout=" + patience.String(), http: made, pause: pause, clock: c}, nil
}

// Post sends a review and decodes the answer. It tries again where that may help.
func (c *Client) Post(ctx context.Context, review, into any) error {
	body, err := json.Marshal(review)
	if err != nil {
		return fmt.Errorf("encoding a review: %w", err)
	}
	pause := c.pause
	for attempt := 1; ; attempt++ {
		if err = c.once(ctx, body, into); err == nil || attempt == attempts || !worthAnother(err) {
			return err
		}
		wait := time.Duration(float64(pause) * (1 + pauseJitter*rand.Float64())) //nolint:gosec // spreads calls, guards nothing
		if seconds, ok := apierrors.SuggestsClientDelay(err); ok && seconds > 0 {
			wait = time.Duration(min(seconds, int(longestPause/time.Second))) * time.Second
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w; the last answer: %w", ctx.Err(), err)
		case <-c.clock.After(wait):
		}
		pause = time.Duration(float64(pause) * pauseFactor)
	}
}

func worthAnother(err error) bool {
	_, asked := apierrors.SuggestsClientDelay(err)
	return asked || apierrors.IsInternalError(err) || apierrors.IsTimeout(err) || apierrors.IsTooManyRequests(err) ||
		utilnet.IsConnectionReset(err) || utilnet.IsHTTP2ConnectionLost(err)
}

func (c *Client) once(ctx context.Context, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("asking a webhook: %w", err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	response, err := c.http.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading a webhook's answer: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return Refusal(response, answer)
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("decoding a webhook's answer: %w", err)
	}
	return nil
}
