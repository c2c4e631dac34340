package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/admissiontest"
)

type object = map[string]any

// hookServer answers as the test says and remembers what it was asked.
type hookServer struct {
	*httptest.Server
	mu    sync.Mutex
	reply func(path string, request object) any
	calls []object
}

const marker = "webhook-marker"

func newHookServer(t *testing.T) *hookServer {
	t.Helper()
	h := &hookServer{}
	h.Server = httptest.NewTLSServer(h)
	h.Config.ErrorLog = nil
	t.Cleanup(h.Close)
	return h
}

// ServeHTTP implements http.Handler.
func (h *hookServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var review object
	data, _ := io.ReadAll(r.Body)
	if json.Unmarshal(data, &review) != nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	request := review["request"].(object)
	if r.URL.Path == "/"+marker {
		_ = json.NewEncoder(w).Encode(respond(review, object{"allowed": false, "status": object{"message": marker}}))
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, object{"path": r.URL.Path, "query": r.URL.RawQuery, "apiVersion": review["apiVersion"], "kind": review["kind"], "request": request})
	switch reply := h.reply(r.URL.Path, request).(type) {
	case func(http.ResponseWriter):
		reply(w)
	case http.HandlerFunc:
		reply(w, r)
	case func(review object) any:
		_ = json.NewEncoder(w).Encode(reply(review))
	default:
		_ = json.NewEncoder(w).Encode(respond(review, reply.(object)))
	}
}

func respond(review, response object) object {
	response = maps.Clone(response)
	response["uid"] = review["request"].(object)["uid"]
	return object{"apiVersion": review["apiVersion"], "kind": "AdmissionReview", "response": response}
}

func (h *hookServer) bundle() string {
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}))
}

// webhook is one of the server's, about config maps.
func (h *hookServer) webhook(path string, change ...func(object)) object {
	w := object{
		"name": strings.ReplaceAll(path, "/", "") + ".example.com", "admissionReviewVersions": []any{"v1"}, "sideEffects": "None", "timeoutSeconds": 30,
		"clientConfig":   object{"url": h.URL + path, "caBundle": h.bundle()},
		"rules":          rules("*", "", "v1", "configmaps"),
		"objectSelector": object{"matchExpressions": []any{object{"key": marker, "operator": "DoesNotExist"}}},
	}
	for _, f := range change {
		f(w)
	}
	return w
}

func rules(operation, group, version string, resources ...any) []any {
	return []any{object{"operations": []any{operation}, "apiGroups": []any{group}, "apiVersions": []any{version}, "resources": resources}}
}

func with(key string, value any) func(object) { return func(w object) { w[key] = value } }

// configure makes a configuration and returns when it is in force.
func (h *hookServer) configure(t *testing.T, s *admissiontest.Server, kind string, hooks ...object) {
	t.Helper()
	marked := h.webhook("/"+marker, with("objectSelector", object{"matchLabels": object{marker: "x"}}))
	path := "/apis/admissionregistration.k8s.io/v1/" + strings.ToLower(kind) + "s"
	all := []any{}
	for _, hook := range hooks {
		all = append(all, hook)
	}
	s.Must("POST", path, admissiontest.JSON(t, object{
		"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": object{"name": "test"}, "webhooks": append(all, marked),
	}))
	probe := func() admissiontest.Answer {
		return s.Do("POST", "/api/v1/namespaces/default/configmaps?dryRun=All", `{"metadata":{"name":"probe","labels":{"`+marker+`":"x"}}}`)
	}
	t.Cleanup(func() {
		s.Must("DELETE", path+"/test", "")
		s.Until("its deletion", func() bool { return probe().Code < 400 })
	})
	s.Until("the configuration", func() bool { return strings.Contains(string(probe().Body), marker+".example.com") })
}

const (
	mutating   = "MutatingWebhookConfiguration"
	validating = "ValidatingWebhookConfiguration"
	configMaps = "/api/v1/namespaces/default/configmaps"
	configMap  = `{"metadata":{"name":"cm"},"data":{"a":"b"}}`
)

// request of a case: method, path, body.
type request [3]string

var create = request{"POST", configMaps, configMap}

// scenario is a case: what webhooks there are, what they answer, and what is asked of the server.
type scenario struct {
	name, kind string
	hooks      func(h *hookServer) []object
	reply      func(path string, request object) any
	requests   []request
	showCalls  bool
}

func always(response object) func(string, object) any {
	return func(string, object) any { return response }
}

func one(change ...func(object)) func(*hookServer) []object {
	return func(h *hookServer) []object { return []object{h.webhook("/hook", change...)} }
}

func patch(operations string) object {
	return object{"allowed": true, "patchType": "JSONPatch", "patch": base64.StdEncoding.EncodeToString([]byte(operations))}
}

func TestAgainstUpstream(t *testing.T) {
	s := admissiontest.Start(t)
	all := append(denials(), append(answers(), append(failures(), append(requests(), matches()...)...)...)...)
	for _, c := range all {
		t.Run(c.name, func(t *testing.T) {
			h := newHookServer(t)
			h.reply = c.reply
			h.configure(t, s, c.kind, c.hooks(h)...)
			transcript := &admissiontest.Transcript{}
			for _, r := range c.requests {
				transcript.Answer(r[0]+" "+r[1], s.Do(r[0], r[1], r[2]))
				h.mu.Lock()
				for _, call := range h.calls {
					if c.showCalls {
						transcript.Add("call", []byte(admissiontest.JSON(t, call)))
					} else {
						transcript.Add("call of", []byte(fmt.Sprintf("%q", call["path"])))
					}
				}
				h.calls = nil
				h.mu.Unlock()
			}
			h.mu.Lock()
			h.reply = always(object{"allowed": true})
			h.mu.Unlock()
			for _, r := range c.requests {
				if r[0] == "POST" && !strings.Contains(r[1], "dryRun") {
					s.Do("DELETE", r[1]+"/"+nameOf(r[2]), "")
				}
			}
			transcript.Check(t, c.name)
		})
	}
}

func nameOf(body string) string {
	var obj struct{ Metadata struct{ Name string } }
	_ = json.Unmarshal([]byte(body), &obj)
	return obj.Metadata.Name
}
