package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const webService = `
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{port: 80}]
`

// A Deployment rolls, and rolls back, under traffic, and nobody notices: new pods get requests when they are ready,
// old ones until no rule leads to them. The pause before the stop is what upstream asks for as well: the kubelet
// and the proxies learn of a deletion at the same time.
func TestRollUnderTraffic(t *testing.T) {
	s := newSpace(t)
	s.apply(fmt.Sprintf(web, 3, 600, "{}", "{preStop: {sleep: {seconds: 1}}}") + "---" + webService)
	s.runs(firstImage, 3)
	node := "http://" + s.cluster.Machine.IP + ":" + s.get("service/web", ".spec.ports[0].nodePort") + "/"
	cluster := "http://" + s.get("service/web", ".spec.clusterIP") + "/"
	s.kubectl("run", "visitor", "--image="+toolbox, "--command", "--", "sh", "-c",
		fmt.Sprintf(`while sleep 0.02; do curl -sS -m 30 -f -o /dev/null %s || echo FAILED; done`, cluster))
	s.kubectl("wait", "pod/visitor", "--for=condition=Ready", "--timeout", patience.String())
	s.eventually("the first answer", func() error {
		_, _, err := fetch("GET", node, "")
		return err
	})

	crowd := newCrowd()
	for _, keepAlive := range []bool{false, true} {
		for range 3 {
			crowd.visit(node, &http.Transport{DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 1})
			crowd.visit(cluster, &http.Transport{DisableKeepAlives: !keepAlive, MaxIdleConnsPerHost: 1, DialContext: s.cluster.Machine.Dial})
		}
	}
	s.kubectl("set", "image", "deployment/web", "web="+secondImage)
	s.ready("deployment/web")
	s.kubectl("rollout", "undo", "deployment/web")
	s.ready("deployment/web")
	s.running("app=web", 3)                // the last old pod is gone
	s.eventually("a crowd", func() error { // on a slow machine it takes longer to gather
		if n := crowd.sent(); n < 2000 {
			return fmt.Errorf("only %d requests", n)
		}
		return nil
	})
	requests, rate, failures := crowd.leave()
	t.Logf("%d requests, %.0f/s", requests, rate)
	if len(failures) > 0 {
		t.Errorf("%d of %d requests failed, the first: %v", len(failures), requests, failures[:min(5, len(failures))])
	}
	if out := s.kubectl("logs", "visitor"); out != "" {
		t.Errorf("requests from a pod failed: %s", out)
	}
}

// crowd are visitors that send requests until they leave.
type crowd struct {
	ctx     context.Context
	cancel  context.CancelFunc
	started time.Time
	done    sync.WaitGroup

	mu       sync.Mutex
	requests int
	failures []error
}

func newCrowd() *crowd {
	c := &crowd{started: time.Now()}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// visit sends a request every 25 ms.
func (c *crowd) visit(url string, transport *http.Transport) {
	visitor := &http.Client{Transport: transport, Timeout: 30 * time.Second}
	c.done.Go(func() {
		defer transport.CloseIdleConnections()
		ticker := time.NewTicker(25 * time.Millisecond)
		defer ticker.Stop()
		for c.ctx.Err() == nil {
			sent := time.Now()
			err := request(visitor, url)
			c.mu.Lock()
			c.requests++
			if err != nil {
				c.failures = append(c.failures, fmt.Errorf("at %s, after %s, keep-alive %t: %w", sent.Sub(c.started), time.Since(sent), !transport.DisableKeepAlives, err))
			}
			c.mu.Unlock()
			select {
			case <-ticker.C:
			case <-c.ctx.Done():
			}
		}
	})
}

func request(visitor *http.Client, url string) error {
	response, err := visitor.Get(url)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, response.Status)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// sent counts the requests that were answered, or failed.
func (c *crowd) sent() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.requests
}

// leave ends the visits.
func (c *crowd) leave() (requests int, rate float64, failures []error) {
	c.cancel()
	c.done.Wait()
	return c.requests, float64(c.requests) / time.Since(c.started).Seconds(), slices.Clone(c.failures)
}

// lines collects output and says when the first has come.
type lines struct {
	mu    sync.Mutex
	text  strings.Builder
	first chan struct{}
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.text.Len() == 0 && len(p) > 0 {
		close(l.first)
	}
	return l.text.Write(p)
}
