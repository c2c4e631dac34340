package server

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	statsapi "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

func TestNothingIsServedToStrangers(t *testing.T) { // bad input 18: CVE-2025-0426
	n := startNode(t)
	for _, path := range []string{"/healthz", "/pods", "/runningpods/", "/configz", "/statusz", "/stats/summary", "/metrics", "/metrics/cadvisor", "/logs/",
		"/containerLogs/ns/web/main", "/exec/ns/web/main", "/attach/ns/web/main", "/portForward/ns/web", "/checkpoint/ns/web/main", "/nosuch"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			request, _ := http.NewRequest(method, n.url+path, nil)
			if code, _ := n.do(request); code != http.StatusUnauthorized {
				t.Errorf("%s %s without credentials: %d", method, path, code)
			}
			request.Header.Set("Authorization", "Bearer nobody-token")
			if code, _ := n.do(request); code != http.StatusForbidden {
				t.Errorf("%s %s as nobody: %d", method, path, code)
			}
		}
	}
	n.backend.calls.Range(func(what, _ any) bool { t.Errorf("a stranger reached %v", what); return true })
}

func TestAnswers(t *testing.T) {
	n := startNode(t)
	if code, body := n.get("/healthz", "admin-token"); code != 200 || body != "ok" {
		t.Errorf("/healthz: %d %q", code, body)
	}
	_, body := n.get("/pods", "admin-token")
	var pods corev1.PodList
	if err := json.Unmarshal([]byte(body), &pods); err != nil || pods.Kind != "PodList" || len(pods.Items) != 1 {
		t.Errorf("/pods: %v %s", err, body)
	}
	_, body = n.get("/stats/summary", "admin-token")
	var summary statsapi.Summary
	if err := json.Unmarshal([]byte(body), &summary); err != nil || summary.Node.NodeName != "node-1" || summary.Node.Memory == nil && summary.Node.CPU != nil {
		t.Errorf("/stats/summary: %v %s", err, body)
	}
	if code, body := n.get("/metrics/resource", "admin-token"); code != 200 || !strings.Contains(body, "resource_scrape_error 0") {
		t.Errorf("/metrics/resource: %d %s", code, body)
	}
	if code, body := n.get("/metrics/cadvisor", "admin-token"); code != 200 || !strings.Contains(body, "machine_memory_bytes") {
		t.Errorf("/metrics/cadvisor: %d %s", code, body)
	}
	if _, body := n.get("/statusz", "admin-token"); body != "up" {
		t.Errorf("a page of the process: %s", body)
	}
	if _, body := n.get("/configz", "admin-token"); !strings.Contains(body, `{"kubeletconfig":{"kind":"KubeletConfiguration"}}`) {
		t.Errorf("/configz: %s", body)
	}
	if code, body := n.get("/containerLogs/ns/none/main", "admin-token"); code != 404 || !strings.Contains(body, `pods "none" not found`) {
		t.Errorf("logs of no pod: %d %s", code, body)
	}
}

func TestWhatIsAuthorized(t *testing.T) {
	cases := []struct {
		method, path, upgrade string
		verb                  string
		subresources          []string
	}{
		{"GET", "/pods", "", "get", []string{"pods", "proxy"}},
		{"GET", "/healthz", "", "get", []string{"healthz", "proxy"}},
		{"GET", "/configz", "", "get", []string{"configz", "proxy"}},
		{"GET", "/statusz", "", "get", []string{"statusz", "proxy"}},
		{"GET", "/flagz", "", "get", []string{"configz", "proxy"}},
		{"GET", "/stats/summary", "", "get", []string{"stats"}},
		{"GET", "/metrics/cadvisor", "", "get", []string{"metrics"}},
		{"GET", "/logs/syslog", "", "get", []string{"log"}},
		{"GET", "/containerLogs/ns/web/main", "", "get", []string{"proxy"}},
		// bad input 13: a websocket is a GET, but what it opens is a create
		{"GET", "/exec/ns/web/main", "websocket", "create", []string{"proxy"}},
		{"GET", "/attach/ns/web/main", "websocket", "create", []string{"proxy"}},
		{"GET", "/portForward/ns/web", "websocket", "create", []string{"proxy"}},
		{"POST", "/exec/ns/web/main", "SPDY/3.1", "create", []string{"proxy"}},
	}
	for _, c := range cases {
		request, _ := http.NewRequest(c.method, c.path, nil)
		request.Header.Set("Upgrade", c.upgrade)
		verb, subresources := attributes(request)
		if verb != c.verb || !slices.Equal(subresources, c.subresources) {
			t.Errorf("%s %s: %s %v", c.method, c.path, verb, subresources)
		}
	}
}

func TestWebsocketGetIsDeniedToReaders(t *testing.T) { // bad input 13: kubernetes #136550
	n := startNode(t)
	n.allow = func(_, verb, _ string) bool { return verb == "get" }
	request, _ := http.NewRequest(http.MethodGet, n.url+"/exec/ns/web/main?command=cat&output=1", nil)
	request.Header.Set("Authorization", "Bearer admin-token")
	request.Header.Set("Connection", "Upgrade")
	request.Header.Set("Upgrade", "websocket")
	request.Header.Set("Sec-Websocket-Version", "13")
	request.Header.Set("Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
	request.Header.Set("Sec-Websocket-Protocol", "v5.channel.k8s.io")
	if code, body := n.do(request); code != http.StatusForbidden {
		t.Errorf("answer is %d %s", code, body)
	}
	if _, ok := n.backend.calls.Load("ExecURL"); ok {
		t.Error("the runtime was asked")
	}
}

func TestClientCertificates(t *testing.T) {
	n := startNode(t)
	request, _ := http.NewRequest(http.MethodGet, n.url+"/healthz", nil)
	if code, _ := n.do(request, clientCA(t).issue("admin", []string{"system:masters"})); code != 200 {
		t.Errorf("a signed certificate: %d", code)
	}
	if code, _ := n.do(request, newAuthority(t).issue("admin", nil)); code != http.StatusUnauthorized {
		t.Errorf("a certificate of another signer: %d", code)
	}
	if got := n.asked(); !slices.Equal(got, []string{"get nodes/healthz admin"}) {
		t.Errorf("the API server was asked %v", got)
	}
}

func TestAnswersOfTheAPIServerAreRemembered(t *testing.T) {
	n := startNode(t)
	for range 3 {
		n.get("/healthz", "admin-token")
	}
	if got := n.asked(); !slices.Equal(got, []string{"token", "get nodes/healthz admin"}) {
		t.Errorf("the API server was asked %v", got)
	}
}

func TestContainerLogs(t *testing.T) {
	n := startNode(t)
	cases := []struct {
		query string
		code  int
		want  string
	}{
		{"", 200, "one\ntwo\n"},
		{"?tailLines=1", 200, "two\n"},
		{"?timestamps=true&tailLines=1", 200, "2026-01-02T03:04:06.000000000Z two\n"},
		{"?stream=Stdout", 200, "one\n"},
		{"?limitBytes=2", 200, "on"},
		{"?sinceTime=2026-01-02T03:04:06Z", 200, "two\n"},
		{"?previous=true", 400, "previous terminated container \"main\" in pod \"web\" not found"},
		{"?tailLines=-1", 400, "tailLines must be greater than or equal to 0"},
		{"?sinceTime=yesterday", 400, ""},
		{"?stream=stdout", 400, ""},
	}
	for _, c := range cases {
		code, body := n.get("/containerLogs/ns/web/main"+c.query, "admin-token")
		if code != c.code || c.want != "" && body != c.want {
			t.Errorf("%s: %d %q", c.query, code, body)
		}
	}
}

func TestFollowEndsWithTheContainer(t *testing.T) {
	n := startNode(t)
	request, _ := http.NewRequest(http.MethodGet, n.url+"/containerLogs/ns/web/main?follow=true&tailLines=0", nil)
	request.Header.Set("Authorization", "Bearer admin-token")
	response, err := (&http.Client{Transport: insecure()}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	file, err := os.OpenFile(n.backend.logPath, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteString("2026-01-02T03:04:07.000000000Z stdout F three\n"); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(response.Body)
	if !lines.Scan() || lines.Text() != "three" {
		t.Errorf("followed %q, %v", lines.Text(), lines.Err())
	}
	close(n.backend.ended)
	if lines.Scan() || lines.Err() != nil {
		t.Errorf("after the end: %q, %v", lines.Text(), lines.Err())
	}
}

func TestNodeLogsDoNotFollowLinksOut(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "syslog"), []byte("hello"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := &Server{LogDir: dir}
	for path, want := range map[string]int{"/logs/syslog": 200, "/logs/link": 404} {
		if code := serve(s.logFiles, path); code != want && !(want == 404 && code >= 400) {
			t.Errorf("%s: %d", path, code)
		}
	}
}
