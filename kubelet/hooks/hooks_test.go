package hooks

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/clock"
)

func TestCommand(t *testing.T) {
	for _, test := range []struct {
		why    string
		code   int
		failed error
		want   string
	}{
		{"it ends well", 0, nil, ""},
		{"it fails", 3, nil, `command ["sh" "-c" "it"] exited with 3: told`},
		{"it cannot be run", 0, errors.New("no such container"), "running the hook's command: no such container"},
	} {
		r := &Runner{Exec: func(_ context.Context, id string, command []string, timeout time.Duration) (string, int, error) {
			if id != "c1" || strings.Join(command, " ") != "sh -c it" || timeout != 0 {
				t.Errorf("%s: %q is run in %s for %s", test.why, command, id, timeout)
			}
			return "told", test.code, test.failed
		}}
		err := r.Run(t.Context(), Input{ID: "c1", Handler: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "it"}}}})
		if told(err) != test.want {
			t.Errorf("%s: %q, want %q", test.why, told(err), test.want)
		}
	}
}

func told(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// request is a hook that asks a server, which listens at an address of the pod or of the node.
func request(t *testing.T, server *httptest.Server, scheme corev1.URIScheme) Input {
	t.Helper()
	address, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	get := &corev1.HTTPGetAction{
		Path: "/bye?now", Port: intstr.FromString("web"), Scheme: scheme, HTTPHeaders: []corev1.HTTPHeader{{Name: "Authorization", Value: "secret"}, {Name: "X-Own", Value: "1"}},
	}
	port := intstr.Parse(address.Port())
	return Input{
		Pod: &corev1.Pod{}, Container: &corev1.Container{Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: port.IntVal}}},
		IPs: []string{"127.0.0.1"}, Handler: &corev1.LifecycleHandler{HTTPGet: get},
	}
}

func TestRequest(t *testing.T) {
	var asked string
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = strings.Join([]string{r.RequestURI, r.UserAgent(), r.Header.Get("Authorization"), r.Header.Get("X-Own")}, " ")
		w.WriteHeader(http.StatusInternalServerError) // which hooks do not mind
	})
	plain, secure := httptest.NewServer(handler), httptest.NewTLSServer(handler)
	defer plain.Close()
	defer secure.Close()
	onNode := request(t, plain, corev1.URISchemeHTTP)
	onNode.Pod.Spec.HostNetwork, onNode.IPs = true, []string{"192.0.2.1"}
	r := &Runner{NodeIP: "127.0.0.1", UserAgent: "kube-lifecycle/1.36"}
	for _, test := range []struct {
		why, want string
		in        Input
	}{
		{"a server without TLS", "/bye?now kube-lifecycle/1.36 secret 1", request(t, plain, corev1.URISchemeHTTP)},
		{"a server with TLS, whoever it is", "/bye?now kube-lifecycle/1.36 secret 1", request(t, secure, corev1.URISchemeHTTPS)},
		{"a server without the TLS that the hook wants", "/bye?now kube-lifecycle/1.36  1", request(t, plain, corev1.URISchemeHTTPS)},
		{"a container in the node's network", "/bye?now kube-lifecycle/1.36 secret 1", onNode},
	} {
		asked = ""
		if err := r.Run(t.Context(), test.in); err != nil || asked != test.want {
			t.Errorf("%s: asked %q, %v, want %q", test.why, asked, err, test.want)
		}
	}
	gone := request(t, plain, corev1.URISchemeHTTP)
	plain.Close()
	if err := r.Run(t.Context(), gone); err == nil {
		t.Error("a server that is gone is a hook that ran")
	}
	gone.Container.Ports = nil
	if err := r.Run(t.Context(), gone); err == nil {
		t.Error("a port that there is not is a hook that ran")
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &Runner{Clock: clock.RealClock{}}
		in := Input{Handler: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 20}}}
		begun := time.Now()
		if err := r.Run(t.Context(), in); err != nil || time.Since(begun) != 20*time.Second {
			t.Errorf("it slept for %s: %v", time.Since(begun), err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := r.Run(ctx, in); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != 25*time.Second {
			t.Errorf("a sleep that is cut short took until %s: %v", time.Since(begun), err)
		}
	})
}

func TestOtherHooksDoNothing(t *testing.T) {
	if err := (&Runner{}).Run(t.Context(), Input{Handler: &corev1.LifecycleHandler{TCPSocket: &corev1.TCPSocketAction{}}}); err != nil {
		t.Errorf("a hook by tcpSocket: %v", err)
	}
}
