package server

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"
)

func insecure() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
}

func serve(handler http.HandlerFunc, path string) int {
	recorder := httptest.NewRecorder()
	handler(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder.Code
}

// executors are the ways in which kubectl's library reaches a container.
func executors(t *testing.T, n *node, path string) map[string]remotecommand.Executor {
	t.Helper()
	target, err := url.Parse(n.url + path)
	if err != nil {
		t.Fatal(err)
	}
	websocket, err := remotecommand.NewWebSocketExecutor(n.config(), http.MethodGet, target.String())
	if err != nil {
		t.Fatal(err)
	}
	v4, err := remotecommand.NewWebSocketExecutorForProtocols(n.config(), http.MethodGet, target.String(), "v4.channel.k8s.io")
	if err != nil {
		t.Fatal(err)
	}
	spdy, err := remotecommand.NewSPDYExecutor(n.config(), http.MethodPost, target)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]remotecommand.Executor{"websocket v5": websocket, "websocket v4": v4, "SPDY": spdy}
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestExec(t *testing.T) {
	n := startNode(t)
	for _, what := range []string{"exec", "attach"} {
		for name, executor := range executors(t, n, "/"+what+"/ns/web/main?command=cat&input=1&output=1") {
			if name == "websocket v4" {
				continue // v4 cannot end its standard input
			}
			t.Run(what+" "+name, func(t *testing.T) {
				text := strings.Repeat("hello ", 100_000)
				var out bytes.Buffer
				err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdin: strings.NewReader(text), Stdout: &out})
				if err != nil || out.String() != text {
					t.Errorf("%v, %d bytes of %d came back", err, out.Len(), len(text))
				}
			})
		}
	}
}

func TestExitCode(t *testing.T) {
	n := startNode(t)
	for name, executor := range executors(t, n, "/exec/ns/web/main?command=exit&output=1&error=1") {
		t.Run(name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: &out, Stderr: &errOut})
			var code exec.CodeExitError
			if !errors.As(err, &code) || code.Code != 3 || errOut.String() != "failing" {
				t.Errorf("error %v, stderr %q", err, errOut.String())
			}
		})
	}
}

type oneSize struct {
	sizes chan remotecommand.TerminalSize
}

func (s oneSize) Next() *remotecommand.TerminalSize {
	size, ok := <-s.sizes
	if !ok {
		return nil
	}
	return &size
}

func TestTerminalSize(t *testing.T) {
	n := startNode(t)
	for name, executor := range executors(t, n, "/exec/ns/web/main?command=size&output=1&tty=1&error=1") {
		t.Run(name, func(t *testing.T) {
			sizes := make(chan remotecommand.TerminalSize, 1)
			sizes <- remotecommand.TerminalSize{Width: 80, Height: 24}
			close(sizes)
			var out bytes.Buffer
			err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: &out, Tty: true, TerminalSizeQueue: oneSize{sizes}})
			if err != nil || out.String() != "80x24" {
				t.Errorf("%v, output %q", err, out.String())
			}
		})
	}
}

func TestExecOfNoPod(t *testing.T) {
	n := startNode(t)
	for name, executor := range executors(t, n, "/exec/ns/none/main?command=cat&output=1") {
		err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: io.Discard})
		if err == nil || !strings.Contains(err.Error(), `pods "none" not found`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPortForward(t *testing.T) {
	n := startNode(t)
	target, _ := url.Parse(n.url + "/portForward/ns/web")
	websocket, err := portforward.NewSPDYOverWebsocketDialer(target, n.config())
	if err != nil {
		t.Fatal(err)
	}
	transport, upgrader, err := spdy.RoundTripperFor(n.config())
	if err != nil {
		t.Fatal(err)
	}
	plain := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, target)
	run := func(t *testing.T, forwarder *portforward.PortForwarder, err error, ready, stop chan struct{}) {
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- forwarder.ForwardPorts() }()
		select {
		case <-ready:
		case err := <-done:
			t.Fatal(err)
		}
		ports, err := forwarder.GetPorts()
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			talk(t, fmt.Sprintf("127.0.0.1:%d", ports[0].Local))
		}
		close(stop)
		<-done
	}
	t.Run("websocket tunnel", func(t *testing.T) {
		ready, stop := make(chan struct{}), make(chan struct{})
		forwarder, err := portforward.NewOnAddresses(websocket, []string{"127.0.0.1"}, []string{":8080"}, stop, ready, io.Discard, io.Discard)
		run(t, forwarder, err, ready, stop)
	})
	t.Run("SPDY", func(t *testing.T) {
		ready, stop := make(chan struct{}), make(chan struct{})
		forwarder, err := portforward.NewOnAddresses(plain, []string{"127.0.0.1"}, []string{":8080"}, stop, ready, io.Discard, io.Discard)
		run(t, forwarder, err, ready, stop)
	})
}

func talk(t *testing.T, address string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintln(conn, "ping")
	lines := bufio.NewScanner(conn)
	for _, want := range []string{"port 8080", "ping"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("read %q, %v; want %q", lines.Text(), lines.Err(), want)
		}
	}
}

// fakeRuntime answers each connection with a fixed text and tells when the connection was closed.
func fakeRuntime(t *testing.T, answer string) (address string, closed chan struct{}) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	closed = make(chan struct{}, 10)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if _, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					fmt.Fprint(conn, answer)
				}
				_, _ = io.Copy(io.Discard, conn)
				closed <- struct{}{}
			}()
		}
	}()
	return listener.Addr().String(), closed
}

func TestRefusedUpgradeLeavesNoConnectionOpen(t *testing.T) { // bad input 1: CVE-2018-1002105
	n := startNode(t)
	address, closed := fakeRuntime(t, "HTTP/1.1 403 Forbidden\r\nContent-Length: 3\r\n\r\nno!")
	n.backend.streamURL = "http://" + address + "/exec/token"
	for name, executor := range executors(t, n, "/exec/ns/web/main?command=cat&output=1") {
		err := executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdout: io.Discard})
		if err == nil || name != "SPDY" && !httpstream.IsUpgradeFailure(err) && !strings.Contains(err.Error(), "no!") {
			t.Errorf("%s: %v", name, err)
		}
		select {
		case <-closed:
		case <-time.After(time.Minute):
			t.Errorf("%s: the runtime's connection is still open", name)
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) { // bad input 12: CVE-2020-8559
	n := startNode(t)
	elsewhere, reached := fakeRuntime(t, "")
	address, _ := fakeRuntime(t, "HTTP/1.1 302 Found\r\nLocation: http://"+elsewhere+"/\r\nContent-Length: 0\r\n\r\n")
	n.backend.streamURL = "http://" + address + "/exec/token"
	for _, protocol := range []string{"SPDY/3.1", "websocket"} {
		request, _ := http.NewRequest(http.MethodPost, n.url+"/exec/ns/web/main?command=cat&output=1", nil)
		request.Header.Set("Authorization", "Bearer admin-token")
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", protocol)
		if protocol == "websocket" {
			request.Header.Set("Sec-Websocket-Protocol", "v5.channel.k8s.io")
		}
		if code, body := n.do(request); code != http.StatusBadGateway {
			t.Errorf("%s: %d %s", protocol, code, body)
		}
	}
	select {
	case <-reached:
		t.Error("the redirect was followed")
	default:
	}
}

func TestOpenStreamsEndWithTheServer(t *testing.T) {
	for _, name := range []string{"websocket v5", "websocket v4", "SPDY"} {
		t.Run(name, func(t *testing.T) {
			n := startNode(t)
			in, keepOpen := io.Pipe()
			defer keepOpen.Close()
			out, echo := io.Pipe()
			executor := executors(t, n, "/exec/ns/web/main?command=cat&input=1&output=1")[name]
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				_ = executor.StreamWithContext(within(t), remotecommand.StreamOptions{Stdin: in, Stdout: echo})
			}()
			fmt.Fprint(keepOpen, "x")
			if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // the stream stands
				t.Fatal(err)
			}
			began := time.Now()
			n.end()
			<-ended
			if took := time.Since(began); took > 30*time.Second {
				t.Errorf("ending took %v", took)
			}
		})
	}
}

func TestCredentialsDoNotReachTheRuntime(t *testing.T) {
	for _, name := range upgradeHeaders {
		if strings.EqualFold(name, "Authorization") || strings.EqualFold(name, "Cookie") {
			t.Errorf("%s is passed on", name)
		}
	}
}
