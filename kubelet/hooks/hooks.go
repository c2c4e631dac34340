package hooks

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/kubelet/probe"
)

const httpTimeout = 30 * time.Second

// Runner runs hooks. Its fields are inputs.
type Runner struct {
	// Exec runs a command in a container. A timeout of 0 means none.
	Exec  func(ctx context.Context, id string, command []string, timeout time.Duration) (output string, code int, err error)
	Clock clock.Clock
	// NodeIP is the address of containers that are in the node's network.
	NodeIP    string
	UserAgent string
}

// Input is one lifecycle hook of one running container.
type Input struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	ID        string
	IPs       []string // of the pod
	Handler   *corev1.LifecycleHandler
}

// Run runs a postStart or preStop handler and returns when it is done.
func (r *Runner) Run(ctx context.Context, in Input) error {
	switch h := in.Handler; {
	case h.Exec != nil:
		out, code, err := r.Exec(ctx, in.ID, h.Exec.Command, 0)
		if err != nil {
			return fmt.Errorf("running the hook's command: %w", err)
		}
		if code != 0 {
			return fmt.Errorf("command %q exited with %d: %s", h.Exec.Command, code, out)
		}
		return nil
	case h.HTTPGet != nil:
		return r.call(ctx, in)
	case h.Sleep != nil:
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.Clock.After(time.Duration(h.Sleep.Seconds) * time.Second):
			return nil
		}
	}
	return nil // tcpSocket hooks are accepted by the API and do nothing
}

func (r *Runner) call(ctx context.Context, in Input) error {
	ip := r.NodeIP
	if !in.Pod.Spec.HostNetwork && len(in.IPs) > 0 {
		ip = in.IPs[0]
	}
	u, err := probe.URL(in.Handler.HTTPGet, in.Container, ip)
	if err != nil {
		return err
	}
	req, err := probe.NewRequest(ctx, in.Handler.HTTPGet, u, r.UserAgent)
	if err != nil {
		return err
	}
	client := &http.Client{Transport: probe.Transport(), Timeout: httpTimeout}
	res, err := client.Do(req)
	if errors.Is(err, http.ErrSchemeMismatch) {
		// Hooks that say HTTPS to a server without TLS worked before they were held to their scheme, and are let go on, in the clear.
		req.URL.Scheme = "http"
		req.Header.Del("Authorization")
		res, err = client.Do(req)
	}
	if err != nil {
		return fmt.Errorf("calling the hook: %w", err)
	}
	_ = res.Body.Close() // whatever its status: that there was an answer is all that is asked of a hook
	return nil
}
