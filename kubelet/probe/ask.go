package probe

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	grpcstatus "google.golang.org/grpc/status"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

const (
	maxAnswer = 10 << 10
	maxHops   = 10
)

// answer of one probe. Text follows the kind's name in the event: " probe failed: …".
type answer struct {
	ok   bool
	text string
}

func failed(text string) answer { return answer{text: " probe failed: " + text} }

func errored(err error) answer {
	return answer{text: " probe errored and resulted in unknown state: " + err.Error()}
}

func timeout(spec *corev1.Probe) time.Duration { return seconds(max(spec.TimeoutSeconds, 1)) }

func (m *Manager) run(ctx context.Context, spec *corev1.Probe, t Target) answer {
	switch {
	case spec.Exec != nil:
		return m.exec(ctx, spec, t)
	case spec.HTTPGet != nil:
		return m.http(ctx, spec, t)
	case spec.TCPSocket != nil:
		port, err := portNumber(spec.TCPSocket.Port, t.Container)
		if err != nil {
			return errored(err)
		}
		host := spec.TCPSocket.Host
		if host == "" {
			host = t.IP
		}
		conn, err := (&net.Dialer{Timeout: timeout(spec)}).DialContext(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			return failed(err.Error())
		}
		_ = conn.Close()
		return answer{ok: true}
	case spec.GRPC != nil:
		return m.grpc(ctx, spec, t)
	}
	return errored(errors.New("missing probe handler"))
}

// portNumber finds the number of a port that may be named.
func portNumber(p intstr.IntOrString, c *corev1.Container) (int, error) {
	if p.Type == intstr.Int {
		if p.IntVal > 0 && p.IntVal < 65536 {
			return int(p.IntVal), nil
		}
		return 0, fmt.Errorf("invalid port number: %v", p.IntVal)
	}
	for _, port := range c.Ports {
		if port.Name == p.StrVal {
			return int(port.ContainerPort), nil
		}
	}
	if n, err := strconv.Atoi(p.StrVal); err == nil && n > 0 && n < 65536 {
		return n, nil
	}
	return 0, fmt.Errorf("couldn't find port: %v", p.StrVal)
}

func (m *Manager) exec(ctx context.Context, spec *corev1.Probe, t Target) answer {
	out, code, err := m.Exec(ctx, t.ID, spec.Exec.Command, timeout(spec))
	switch {
	case grpcstatus.Code(err) == codes.DeadlineExceeded:
		return failed(fmt.Sprintf("command timed out: %q timed out after %v", strings.Join(spec.Exec.Command, " "), timeout(spec)))
	case err != nil:
		return errored(err)
	case code != 0:
		return failed(out)
	}
	return answer{ok: true}
}

// URL of an HTTP probe or hook.
func URL(get *corev1.HTTPGetAction, c *corev1.Container, ip string) (*url.URL, error) {
	port, err := portNumber(get.Port, c)
	if err != nil {
		return nil, err
	}
	host := get.Host
	if host == "" {
		host = ip
	}
	u, err := url.Parse(get.Path)
	if err != nil {
		u = &url.URL{Path: get.Path}
	}
	u.Scheme = strings.ToLower(string(get.Scheme))
	if u.Scheme == "" {
		u.Scheme = "http"
	}
	u.Host = net.JoinHostPort(host, strconv.Itoa(port))
	return u, nil
}

// NewRequest builds the request of an HTTP probe or hook.
func NewRequest(ctx context.Context, get *corev1.HTTPGetAction, u *url.URL, agent string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	for _, h := range get.HTTPHeaders {
		req.Header.Add(h.Name, h.Value)
	}
	if _, given := req.Header["User-Agent"]; !given {
		req.Header.Set("User-Agent", agent)
	}
	switch accept, given := req.Header["Accept"]; {
	case !given:
		req.Header.Set("Accept", "*/*")
	case len(accept) == 1 && accept[0] == "":
		req.Header.Del("Accept")
	}
	if host := req.Header.Get("Host"); host != "" {
		req.Host = host
	}
	return req, nil
}

// Transport is for one request: no kept connections, no proxy, any certificate.
func Transport() *http.Transport {
	return &http.Transport{
		TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a probe asks whether something answers, not who
		DisableKeepAlives: true, DisableCompression: true, Proxy: nil,
	}
}

func (m *Manager) http(ctx context.Context, spec *corev1.Probe, t Target) answer {
	u, err := URL(spec.HTTPGet, t.Container, t.IP)
	if err != nil {
		return errored(err)
	}
	req, err := NewRequest(ctx, spec.HTTPGet, u, m.UserAgent)
	if err != nil {
		return errored(err)
	}
	client := &http.Client{Timeout: timeout(spec), Transport: Transport(), CheckRedirect: func(req *http.Request, via []*http.Request) error {
		if req.URL.Hostname() != via[0].URL.Hostname() {
			return http.ErrUseLastResponse
		}
		if len(via) >= maxHops {
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}}
	res, err := client.Do(req)
	if err != nil {
		return failed(err.Error())
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer)); err != nil {
		return failed(err.Error())
	}
	if res.StatusCode >= http.StatusOK && res.StatusCode < http.StatusBadRequest {
		return answer{ok: true}
	}
	return failed(fmt.Sprintf("HTTP probe failed with statuscode: %d", res.StatusCode))
}

func (m *Manager) grpc(ctx context.Context, spec *corev1.Probe, t Target) answer {
	address := net.JoinHostPort(t.IP, strconv.Itoa(int(spec.GRPC.Port)))
	ctx, cancel := context.WithTimeout(ctx, timeout(spec))
	defer cancel()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUserAgent(m.UserAgent))
	if err != nil {
		return errored(err)
	}
	defer func() { _ = conn.Close() }()
	service := ""
	if spec.GRPC.Service != nil {
		service = *spec.GRPC.Service
	}
	r, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{Service: service}, grpc.WaitForReady(true))
	if err != nil {
		switch grpcstatus.Code(err) {
		case codes.Unimplemented:
			return failed("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): " + grpcstatus.Convert(err).Message())
		case codes.DeadlineExceeded:
			return failed(fmt.Sprintf("timeout: failed to connect service %q within %v: context deadline exceeded", address, timeout(spec)))
		}
		return failed("error: health rpc probe failed: " + err.Error())
	}
	if r.Status != healthpb.HealthCheckResponse_SERVING {
		return failed(fmt.Sprintf("service unhealthy (responded with %q)", r.Status.String()))
	}
	return answer{ok: true}
}
