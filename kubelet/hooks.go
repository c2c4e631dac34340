package kubelet

import (
	"context"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/probe"
)

const (
	hookHTTPTimeout = 30 * time.Second
	maxExecOutput   = 10 << 10
)

// hookInput is one lifecycle hook of one running container.
type hookInput struct {
	pod       *corev1.Pod
	container *corev1.Container
	id        string
	ips       []string
	handler   *corev1.LifecycleHandler
}

// hook runs a postStart or preStop handler and returns when it is done.
func (k *Kubelet) hook(ctx context.Context, in hookInput) error {
	switch h := in.handler; {
	case h.Exec != nil:
		out, code, err := k.exec(ctx, in.id, h.Exec.Command, 0)
		if err != nil {
			return fmt.Errorf("running the hook's command: %w", err)
		}
		if code != 0 {
			return fmt.Errorf("command %q exited with %d: %s", h.Exec.Command, code, out)
		}
		return nil
	case h.HTTPGet != nil:
		return k.hookHTTP(ctx, in)
	case h.Sleep != nil:
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.Clock.After(time.Duration(h.Sleep.Seconds) * time.Second):
			return nil
		}
	}
	return nil // tcpSocket hooks are accepted by the API and do nothing
}

func (k *Kubelet) hookHTTP(ctx context.Context, in hookInput) error {
	ip := k.NodeIP
	if !in.pod.Spec.HostNetwork && len(in.ips) > 0 {
		ip = in.ips[0]
	}
	u, err := probe.URL(in.handler.HTTPGet, in.container, ip)
	if err != nil {
		return err
	}
	req, err := probe.NewRequest(ctx, in.handler.HTTPGet, u, "kube-lifecycle/"+k.minorVersion())
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: probe.Transport(), Timeout: hookHTTPTimeout}).Do(req)
	if err != nil {
		return fmt.Errorf("calling the hook: %w", err)
	}
	_ = res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("calling the hook: HTTP status %d", res.StatusCode)
	}
	return nil
}

// exec runs a command in a container. A timeout of 0 means none.
func (k *Kubelet) exec(ctx context.Context, id string, command []string, timeout time.Duration) (string, int, error) {
	if timeout > 0 {
		// The runtime kills the command when the time is over; this only guards against a runtime that does not answer.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout+10*time.Second)
		defer cancel()
	}
	r, err := k.runtime.ExecSync(ctx, &runtimeapi.ExecSyncRequest{ContainerId: id, Cmd: command, Timeout: int64(timeout / time.Second)})
	if err != nil {
		return "", 0, err
	}
	out := append(r.Stdout, r.Stderr...)
	if len(out) > maxExecOutput {
		out = out[:maxExecOutput]
	}
	return string(out), int(r.ExitCode), nil
}
