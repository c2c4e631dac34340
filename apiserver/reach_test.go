package apiserver

import (
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/connect"
)

// The tests of this file are about where a client can have the server connect to.

const internalNode = `{"metadata":{"name":"n1"},"status":{"addresses":[{"type":"InternalIP","address":"127.0.0.1"},{"type":"Hostname","address":"localhost"}]}}`

// CVE-2022-3294: what a node says of its address does not lead to the server's own machine, now or at the next dial.
func TestNodeProxyDoesNotReachTheServersMachine(t *testing.T) {
	reached := make(chan struct{}, 8)
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached <- struct{}{} }))
	defer private.Close()
	_, port, err := net.SplitHostPort(private.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "localhost", "169.254.169.254", "::1", "0.0.0.0"} {
		address := &url.URL{Scheme: "https", Host: net.JoinHostPort(host, "10250")}
		ts := newServer(t, func(s *Server) { s.Nodes = oneKubelet{address} })
		ts.post("/api/v1/nodes", internalNode).wants(201)
		ts.get("/api/v1/nodes/http:n1:" + port + "/proxy/").wants(400).says("address not allowed")
	}
	if len(reached) > 0 {
		t.Error("the server's machine was reached")
	}
}

// CVE-2020-8562: the address that is dialled is the one that was checked, whatever a name resolves to by then.
func TestProxyDialsOnlyWhatItChecked(t *testing.T) {
	private := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the server's machine was reached") }))
	defer private.Close()
	for _, target := range []string{private.URL, strings.Replace(private.URL, "127.0.0.1", "localhost", 1)} {
		request, err := http.NewRequest(http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := connect.PodTransport().RoundTrip(request)
		if err == nil {
			_ = response.Body.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "address not allowed") {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// CVE-2021-25740: no endpoint that somebody writes leads a service to a node's own machine.
func TestEndpointsDoNotReachTheNodesMachine(t *testing.T) {
	ts := newServer(t)
	for _, address := range []string{"127.0.0.1", "169.254.169.254", "0.0.0.0", "224.0.0.1"} {
		ts.post("/api/v1/namespaces/default/endpoints", `{"metadata":{"name":"e"},"subsets":[{"addresses":[{"ip":"`+address+`"}],"ports":[{"port":80}]}]}`).wants(422)
		ts.post("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices",
			`{"metadata":{"name":"e"},"addressType":"IPv4","endpoints":[{"addresses":["`+address+`"]}]}`).wants(422)
	}
}
