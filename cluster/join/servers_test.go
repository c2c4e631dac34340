package join

import (
	"net"
	"path/filepath"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestParseServers(t *testing.T) {
	got, err := ParseServers([]string{"https://10.0.0.1:7443", "https://server", "https://[fd00::1]:6443/"})
	if want := []string{"10.0.0.1:7443", "server:6443", "[fd00::1]:6443"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, text := range []string{"10.0.0.1:6443", "http://10.0.0.1", "https://", "https://a/b", ""} {
		if got, err := ParseServers([]string{text}); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
}

func TestServersFollowTheCluster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "servers.json")
	s := &Servers{File: file}
	s.Add("named:6443", "named:6443")
	if err := s.Set([]string{"a:6443", "b:6443"}, []string{"named:6443"}); err != nil {
		t.Fatal(err)
	}
	s.prefer("b:6443")
	steps := []struct {
		said, want []string
	}{
		{[]string{"a:6443", "b:6443", "c:6443"}, []string{"b:6443", "named:6443", "a:6443", "c:6443"}},
		{[]string{"c:6443"}, []string{"named:6443", "c:6443"}},
	}
	for _, step := range steps {
		if err := s.Set(step.said, []string{"named:6443"}); err != nil {
			t.Fatal(err)
		}
		if got := s.All(); !slices.Equal(got, step.want) {
			t.Errorf("said %v: %v, want %v", step.said, got, step.want)
		}
	}
	again := &Servers{File: file}
	if err := again.Load(); err != nil || !slices.Equal(again.All(), s.All()) {
		t.Errorf("read %v, %v, want %v", again.All(), err, s.All())
	}
}

// listen accepts connections and keeps them. When it has closed, nobody else takes its port.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.115.6:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			if _, err := l.Accept(); err != nil {
				return
			}
		}
	}()
	return l
}

func TestDialsTheServerThatAnswers(t *testing.T) {
	// No time passes while a connection is made, however slow the machine is.
	synctest.Test(t, testDial)
}

func testDial(t *testing.T) {
	first, second := listen(t), listen(t)
	gone := listen(t)
	_ = gone.Close()
	s := &Servers{}
	s.Add(gone.Addr().String(), first.Addr().String(), second.Addr().String())
	transport := s.NewTransport(nil, nil)
	reach := func() string {
		t.Helper()
		started := time.Now()
		conn, err := transport.dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if took := time.Since(started); took > 0 {
			t.Errorf("it took %s", took)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn.RemoteAddr().String()
	}
	if got := reach(); got != first.Addr().String() {
		t.Errorf("reached %s, want the first that answers", got)
	}
	if got := reach(); got != first.Addr().String() {
		t.Errorf("reached %s, want the one that worked before", got)
	}
	// Our own closing says nothing of the server; a connection that breaks does.
	transport.CloseConnections()
	if got := reach(); got != first.Addr().String() {
		t.Errorf("reached %s, want the one that worked before", got)
	}
	for c := range transport.open {
		_ = c.Close()
	}
	if got := reach(); got != second.Addr().String() {
		t.Errorf("reached %s, want another one than the one that broke", got)
	}
	_, _ = first.Close(), second.Close()
	if conn, err := transport.dial(t.Context()); err == nil {
		t.Errorf("reached %s, though nobody listens", conn.RemoteAddr())
	}
}
