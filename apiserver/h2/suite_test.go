package h2

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// wait is longer than anything takes.
const wait = time.Minute

// serve starts a server with one of the two implementations.
func serve(t *testing.T, ours bool, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.TLS = &tls.Config{NextProtos: []string{"h2"}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.EnableHTTP2 = true
	if ours {
		new(Server).Attach(server.Config)
		server.Listener = Listener{server.Listener}
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

// onBoth runs a test on net/http's own HTTP/2 and on this one.
func onBoth(t *testing.T, handler http.HandlerFunc, test func(t *testing.T, server *httptest.Server)) {
	t.Helper()
	for name, ours := range map[string]bool{"net/http": false, "ours": true} {
		t.Run(name, func(t *testing.T) { test(t, serve(t, ours, handler)) })
	}
}

// ask sends a request and reads all of the answer.
func ask(t *testing.T, server *httptest.Server, change func(*http.Request)) (*http.Response, string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	response, err := server.Client().Do(r)
	if err != nil {
		return nil, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if response.ProtoMajor != 2 {
		t.Errorf("answered by %s", response.Proto)
	}
	return response, string(body), err
}

func TestAnswers(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<16)
	tests := []struct {
		name    string
		handler http.HandlerFunc
		method  string
		code    int
		body    string
		header  http.Header // but for the date
	}{
		{"nothing", func(http.ResponseWriter, *http.Request) {}, "GET", 200, "", http.Header{"Content-Length": {"0"}}},
		{"little", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "GET", 200, "<html>",
			http.Header{"Content-Length": {"6"}, "Content-Type": {"text/html; charset=utf-8"}}},
		{"much", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, large) }, "GET", 200, large,
			http.Header{"Content-Type": {"text/plain; charset=utf-8"}}},
		{"encoded", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "x")
			fmt.Fprint(w, "<html>")
		}, "GET", 200, "<html>", http.Header{"Content-Length": {"6"}, "Content-Encoding": {"x"}}},
		{"a head", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") }, "HEAD", 200, "",
			http.Header{"Content-Length": {"6"}, "Content-Type": {"text/html; charset=utf-8"}}},
		{"no content", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(204)
			if _, err := fmt.Fprint(w, "x"); !errors.Is(err, http.ErrBodyNotAllowed) {
				t.Errorf("written with %v", err)
			}
		}, "GET", 204, "", http.Header{}},
		{"too late", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["A"] = []string{"1", "2"}
			w.Header().Set("Connection", "keep-alive")
			w.WriteHeader(418)
			w.Header().Set("A", "3")
			w.WriteHeader(500)
		}, "GET", 418, "", http.Header{"Content-Length": {"0"}, "A": {"1", "2"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, test.handler, func(t *testing.T, server *httptest.Server) {
				response, body, err := ask(t, server, func(r *http.Request) { r.Method = test.method })
				if err != nil {
					t.Fatal(err)
				}
				if response.StatusCode != test.code || body != test.body {
					t.Errorf("%d with %d bytes", response.StatusCode, len(body))
				}
				if date, err := http.ParseTime(response.Header.Get("Date")); err != nil || time.Since(date) > wait {
					t.Errorf("dated %q: %v", response.Header.Get("Date"), err)
				}
				response.Header.Del("Date")
				if test.name == "a head" { // net/http does not look at what is not sent
					response.Header.Del("Content-Type")
					test.header.Del("Content-Type")
				}
				if diff := cmp.Diff(test.header, response.Header); diff != "" {
					t.Errorf("header (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestRequests(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		sum := sha256.Sum256(body)
		fmt.Fprintln(w, r.Method, r.Host, r.URL, r.RequestURI, r.Proto, r.ContentLength, hex.EncodeToString(sum[:4]), err, r.Header["X"], r.TLS != nil, r.RemoteAddr != "", r.Trailer)
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // four windows
	sum := sha256.Sum256(large)
	none := sha256.Sum256(nil)
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		host := strings.TrimPrefix(server.URL, "https://")
		for _, test := range []struct {
			change func(r *http.Request)
			want   string
		}{
			{func(r *http.Request) { r.URL.RawQuery = "a=b"; r.Header["X"] = []string{"1", "2"} },
				fmt.Sprintf("GET %s /?a=b /?a=b HTTP/2.0 0 %x <nil> [1 2] true true map[]\n", host, none[:4])},
			{func(r *http.Request) {
				r.Method, r.Body, r.ContentLength = "PUT", io.NopCloser(bytes.NewReader(large)), int64(len(large))
			},
				fmt.Sprintf("PUT %s / / HTTP/2.0 %d %x <nil> [] true true map[]\n", host, len(large), sum[:4])},
			{func(r *http.Request) {
				r.Method, r.Body, r.ContentLength = "POST", io.NopCloser(bytes.NewReader(large)), -1
				r.Trailer = http.Header{"After": {"all"}}
			}, fmt.Sprintf("POST %s / / HTTP/2.0 -1 %x <nil> [] true true map[After:[all]]\n", host, sum[:4])},
			{func(r *http.Request) {
				r.Method, r.Body, r.ContentLength = "PUT", io.NopCloser(strings.NewReader("")), 0
				r.Header.Set("Expect", "100-continue")
			}, fmt.Sprintf("PUT %s / / HTTP/2.0 -1 %x <nil> [] true true map[]\n", host, none[:4])},
		} {
			if _, got, err := ask(t, server, test.change); got != test.want || err != nil {
				t.Errorf("got  %s\nwant %s\n%v", got, test.want, err)
			}
		}
	})
}

func TestContinue(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Refuse") != "" {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		body, err := io.ReadAll(r.Body)
		fmt.Fprint(w, string(body), r.Header.Get("Expect"), err)
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		server.Client().Transport.(*http.Transport).ExpectContinueTimeout = wait
		send := func(r *http.Request) {
			r.Method, r.Body, r.ContentLength = "PUT", io.NopCloser(strings.NewReader("body")), 4
			r.Header.Set("Expect", "100-continue")
		}
		if _, got, err := ask(t, server, send); got != "body<nil>" || err != nil {
			t.Errorf("got %q, %v", got, err)
		}
		refused := func(r *http.Request) { send(r); r.Header.Set("Refuse", "yes") }
		if response, _, err := ask(t, server, refused); err != nil || response.StatusCode != http.StatusForbidden {
			t.Errorf("got %v, %v", response, err)
		}
	})
}

// An answer that comes before the body has is whole, and what comes of the body does no harm.
func TestEarlyAnswers(t *testing.T) {
	onBoth(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "no") }, func(t *testing.T, server *httptest.Server) {
		for range 20 {
			_, got, err := ask(t, server, func(r *http.Request) {
				r.Method, r.Body, r.ContentLength = "PUT", io.NopCloser(io.LimitReader(zeros{}, 3<<20)), -1
			})
			if got != "no" || err != nil {
				t.Fatalf("got %q, %v", got, err)
			}
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestTrailers(t *testing.T) {
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", "Said")
		fmt.Fprint(w, "body")
		w.Header().Set("Said", "1")
		w.Header().Set(http.TrailerPrefix+"Unsaid", "2")
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		response, body, err := ask(t, server, nil)
		if err != nil || body != "body" {
			t.Fatalf("got %q, %v", body, err)
		}
		if diff := cmp.Diff(http.Header{"Said": {"1"}, "Unsaid": {"2"}}, response.Trailer); diff != "" {
			t.Errorf("trailer (-want +got):\n%s", diff)
		}
	})
}

func TestFlushAndInform(t *testing.T) {
	next := make(chan struct{})
	handler := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Link", "x")
		w.WriteHeader(http.StatusEarlyHints)
		client := http.NewResponseController(w)
		if err := errors.Join(client.Flush(), client.EnableFullDuplex()); err != nil {
			t.Error(err)
		}
		for range 3 {
			<-next
			fmt.Fprint(w, "event")
			_ = client.Flush()
		}
		if _, _, err := client.Hijack(); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("hijacked with %v", err)
		}
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		response, err := server.Client().Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		for range 3 {
			next <- struct{}{}
			event := make([]byte, 5)
			if _, err := io.ReadFull(response.Body, event); err != nil || string(event) != "event" {
				t.Fatalf("got %q, %v", event, err)
			}
		}
		if rest, err := io.ReadAll(response.Body); err != nil || len(rest) > 0 {
			t.Errorf("then %q, %v", rest, err)
		}
	})
}

func TestContextsEnd(t *testing.T) {
	type seen struct {
		name string
		err  error
	}
	ended := make(chan seen, 3)
	contexts := make(chan context.Context, 1)
	handler := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/short" {
			contexts <- r.Context()
			return
		}
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		_, err := w.Write(make([]byte, 1<<20))
		ended <- seen{r.URL.Path, err}
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		ctx, cancel := context.WithCancel(t.Context())
		open := func(path string) *http.Response {
			r, _ := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+path, nil)
			response, err := server.Client().Do(r)
			if err != nil {
				t.Fatal(err)
			}
			return response
		}
		open("/short").Body.Close()
		<-(<-contexts).Done()
		defer open("/reset").Body.Close()
		cancel()
		if got := <-ended; got.name != "/reset" || got.err == nil {
			t.Errorf("ended %v", got)
		}
		ctx = t.Context()
		defer open("/lost").Body.Close()
		server.CloseClientConnections()
		if got := <-ended; got.name != "/lost" || got.err == nil {
			t.Errorf("ended %v", got)
		}
	})
}

func TestPanics(t *testing.T) {
	handler := func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/abort":
			fmt.Fprint(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		case "/panic":
			panic("for a test")
		}
		fmt.Fprint(w, "whole")
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		for _, path := range []string{"/abort", "/panic"} {
			if _, body, err := ask(t, server, func(r *http.Request) { r.URL.Path = path }); err == nil {
				t.Errorf("%s: got %q", path, body)
			}
		}
		if _, body, err := ask(t, server, nil); err != nil || body != "whole" {
			t.Errorf("got %q, %v", body, err)
		}
	})
}

func TestForbiddenHeaders(t *testing.T) {
	onBoth(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, server *httptest.Server) {
		p := dial(t, server)
		p.request(1, false, [2]string{"te", "gzip"})
		p.expect("HEADERS 1 400", `DATA 1 "request header \"TE\" may only be \"trailers\" in HTTP/2\n" END`)
	})
}

func TestHeadersThatAreTooLarge(t *testing.T) {
	onBoth(t, func(http.ResponseWriter, *http.Request) {}, func(t *testing.T, server *httptest.Server) {
		p := dial(t, server)
		p.large(1)
		p.expect("HEADERS 1 431")
	})
}

func TestDeadlines(t *testing.T) {
	ended := make(chan error, 1)
	handler := func(w http.ResponseWriter, r *http.Request) {
		client := http.NewResponseController(w)
		set := client.SetReadDeadline
		if r.Method == http.MethodGet {
			set = client.SetWriteDeadline
		}
		if err := set(time.Now().Add(50 * time.Millisecond)); err != nil {
			t.Error(err)
		}
		_, err := io.ReadAll(r.Body)
		for r.Method == http.MethodGet && err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		ended <- err
	}
	onBoth(t, handler, func(t *testing.T, server *httptest.Server) {
		p := dial(t, server)
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			p.method = method
			p.request(1+2*uint32(p.sent), method == http.MethodPost)
			if err := <-ended; !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s ended with %v", method, err)
			}
		}
	})
}

func TestManyAtOnce(t *testing.T) {
	body := bytes.Repeat([]byte("body"), 1<<18)
	onBoth(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(body) }, func(t *testing.T, server *httptest.Server) {
		var asking sync.WaitGroup
		for range 20 {
			asking.Go(func() {
				if _, got, err := ask(t, server, nil); err != nil || got != string(body) {
					t.Errorf("read %d bytes: %v", len(got), err)
				}
			})
		}
		asking.Wait()
	})
}
