package aggregation_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// behind serves an API by the handler behind an APIService, and returns when that is available.
func behind(t *testing.T, handler http.HandlerFunc) *cluster {
	t.Helper()
	remote := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/apis/wardle.example.com/v1" {
			_, _ = io.WriteString(w, `{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"wardle.example.com/v1","resources":[]}`)
			return
		}
		handler(w, r)
	}))
	t.Cleanup(remote.Close)
	c := start(t)
	c.create("/api/v1/namespaces", `{"metadata":{"name":"default"}}`)
	c.create("/api/v1/namespaces/default/services", `{"metadata":{"name":"api"},"spec":{"type":"ExternalName","externalName":"localhost","ports":[{"port":443}]}}`)
	c.service("wardle.example.com", "api", remote.Listener.Addr().(*net.TCPAddr).Port)
	c.condition("v1.wardle.example.com", "Passed")
	return c
}

// CVE-2018-1002105: behind an upgrade that an aggregated server refuses, no connection stays open on which the client could
// speak as the API server.
func TestBadInput01RefusedUpgradeLeavesNoConnection(t *testing.T) {
	second := make(chan string, 1)
	c := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/secret") {
			second <- r.Header.Get("X-Remote-User")
			return
		}
		http.Error(w, "no", http.StatusForbidden)
	})
	connection, err := net.Dial("tcp", strings.TrimPrefix(c.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(connection, "GET /apis/wardle.example.com/v1/talk HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil || response.StatusCode != http.StatusForbidden {
		t.Fatalf("the upgrade was answered with %v, %v", response, err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	// What comes now would reach the server behind, with whatever identity the client claims, were the connection still there.
	fmt.Fprintf(connection, "GET /apis/wardle.example.com/v1/secret HTTP/1.1\r\nHost: x\r\nX-Remote-User: system:admin\r\n\r\n")
	if _, err := reader.ReadByte(); err == nil {
		select {
		case who := <-second:
			if who != "jane" {
				t.Errorf("the server behind was asked as %q", who)
			}
		default:
		}
	}
	select {
	case who := <-second:
		if who == "system:admin" {
			t.Error("the server behind was asked by the client itself")
		}
	default:
	}
}

// CVE-2022-3172: an aggregated server cannot send a client elsewhere, for there the client would show its credentials.
func TestBadInput08RedirectsArePassedOnByNobody(t *testing.T) {
	var followed atomic.Bool
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed.Store(true) }))
	defer elsewhere.Close()
	c := behind(t, func(w http.ResponseWriter, r *http.Request) {
		code := http.StatusFound
		_, _ = fmt.Sscan(r.URL.Query().Get("code"), &code)
		http.Redirect(w, r, elsewhere.URL, code)
	})
	for _, code := range []int{301, 302, 303, 307, 308} {
		for _, upgrade := range []string{"", "websocket"} {
			var header []string
			if upgrade != "" {
				header = []string{"Connection", "Upgrade", "Upgrade", upgrade}
			}
			got, body := c.do("GET", fmt.Sprintf("/apis/wardle.example.com/v1/away?code=%d", code), "", header...)
			if got < 400 || strings.Contains(body, elsewhere.URL) {
				t.Errorf("a redirect (%d, upgrade %q) was answered with %d %s", code, upgrade, got, body)
			}
		}
	}
	if followed.Load() {
		t.Error("a redirect was followed")
	}
}

// What servers say of themselves in OpenAPI v2 is part of the one document: their paths, and what those refer to.
func TestDescriptionsAreMerged(t *testing.T) {
	var asked, sent atomic.Int32
	c := behind(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/openapi/v2" {
			http.NotFound(w, r)
			return
		}
		asked.Add(1)
		w.Header().Set("Etag", `"one"`)
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		sent.Add(1)
		_, _ = io.WriteString(w, `{"swagger":"2.0","info":{"title":"wardle"},"paths":{
			"/apis/wardle.example.com/v1/flunders":{"get":{"operationId":"listFlunders","parameters":[{"$ref":"#/parameters/own-1"}],"responses":{"200":{"schema":{"$ref":"#/definitions/com.example.Flunder"}}}}},
			"/apis/apps/v1/deployments":{"get":{"operationId":"mallory"}}},
			"definitions":{"com.example.Flunder":{"type":"object","properties":{"metadata":{"$ref":"#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}}},
				"io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta":{"type":"object","description":"another"},
				"com.example.Unused":{"type":"object"}},
			"parameters":{"own-1":{"name":"own","in":"query","type":"string"}}}`)
	})
	var document struct {
		Paths, Definitions, Parameters map[string]json.RawMessage
	}
	for range 2 {
		_, body := c.do("GET", "/openapi/v2", "")
		if err := json.Unmarshal([]byte(body), &document); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.Contains(string(document.Paths["/apis/wardle.example.com/v1/flunders"]), "listFlunders") || strings.Contains(string(document.Paths["/apis/apps/v1/deployments"]), "mallory") {
		t.Error("paths are not merged, or too many")
	}
	if document.Paths["/apis/apps/v1/deployments"] == nil || document.Paths["/api/v1/pods"] == nil {
		t.Error("our own paths are not there")
	}
	if got := string(document.Definitions["com.example.Flunder"]); !strings.Contains(got, `"#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta_v2"`) {
		t.Errorf("a schema that is called like one of ours is not renamed: %s", got)
	}
	if document.Definitions["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta_v2"] == nil || document.Definitions["com.example.Unused"] != nil || document.Parameters["own-1"] == nil {
		t.Error("definitions or parameters are missing, or too many")
	}
	if sent.Load() != 1 || asked.Load() != 1 {
		t.Errorf("the server was asked %d times and sent its document %d times", asked.Load(), sent.Load())
	}
}
