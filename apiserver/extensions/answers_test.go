package extensions_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

var upstream = flag.String("upstream", "", "kubeconfig of upstream's API server: record its answers in testdata")

// step is one request with upstream's answer.
type step struct {
	Name   string            `json:"name"`
	Method string            `json:"method"`
	Path   string            `json:"path"`
	Body   string            `json:"body,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	// Wait is set where an earlier request takes a while to have its effect.
	Wait     bool     `json:"wait,omitempty"`
	Code     int      `json:"code"`
	Warnings []string `json:"warnings,omitempty"`
	Answer   any      `json:"answer"`
}

// TestAnswers sends the requests of testdata in their order, and compares the answers with those of upstream.
func TestAnswers(t *testing.T) {
	for _, name := range []string{"boats", "definitions", "defaults", "others", "ratcheting"} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", name+".json")
			var recorded struct {
				Steps []*step `json:"steps"`
			}
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal(data, &recorded); err != nil {
				t.Fatal(err)
			}
			if *upstream != "" {
				record(t, recorded.Steps)
				if data, err = json.MarshalIndent(recorded, "", " "); err == nil {
					err = os.WriteFile(file, append(data, '\n'), 0o600)
				}
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			synctest.Test(t, func(t *testing.T) { play(t, recorded.Steps) })
		})
	}
}

// takesEffect is how long a request has for that, where a step is to wait.
const takesEffect = 2 * time.Second

// play compares our answers with those recorded, in a bubble.
func play(t *testing.T, steps []*step) {
	t.Helper()
	s := newServer(t)
	for _, step := range steps {
		if step.Wait {
			time.Sleep(takesEffect)
		}
		want, got := step.seen(step.Code, step.Warnings, step.Answer), s.ask(t, step)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s %s: upstream's answer (-), ours (+):\n%s", step.Name, step.Method, step.Path, diff)
		}
		if step.defines() {
			synctest.Wait() // the names of a new definition are settled
		}
	}
}

func (s *step) defines() bool {
	return s.Method == http.MethodPost && s.Code == http.StatusCreated && strings.HasSuffix(s.Path, "/customresourcedefinitions")
}

// answer is what is compared.
type answer struct {
	Code     int
	Warnings []string
	Body     any
}

func (s *step) seen(code int, warnings []string, body any) answer {
	slices.Sort(warnings)
	return answer{Code: code, Warnings: warnings, Body: body}
}

var (
	times     = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)
	uids      = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	revisions = regexp.MustCompile(`"resourceVersion":"\d+"`)
)

// read makes an answer comparable: without times, identities, revisions and what definitions only repeat.
func (s *step) read(t *testing.T, r *http.Response) answer {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Body.Close()
	text := times.ReplaceAllString(string(data), "TIME")
	text = uids.ReplaceAllString(text, "UID")
	text = revisions.ReplaceAllString(text, `"resourceVersion":"RV"`)
	var body any
	if err := json.Unmarshal([]byte(text), &body); err != nil {
		body = text
	}
	if object, ok := body.(map[string]any); ok && object["kind"] == "CustomResourceDefinition" {
		delete(object, "spec")
		delete(object["metadata"].(map[string]any), "managedFields")
	}
	if object, ok := body.(map[string]any); ok && object["kind"] == "APIResourceList" {
		delete(object, "resources") // in another order
	}
	return s.seen(r.StatusCode, r.Header.Values("Warning"), body)
}

func (s *step) request(t *testing.T, base string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), s.Method, base+s.Path, strings.NewReader(s.Body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("User-Agent", "tester/1")
	r.Header.Set("Accept", "application/json")
	if s.Body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for name, value := range s.Header {
		r.Header.Set(name, value)
	}
	return r
}

// record asks upstream.
func record(t *testing.T, steps []*step) {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", *upstream)
	if err != nil {
		t.Fatal(err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if s.Wait {
			<-time.After(takesEffect)
		}
		response, err := transport.RoundTrip(s.request(t, config.Host))
		if err != nil {
			t.Fatal(err)
		}
		got := s.read(t, response)
		s.Code, s.Warnings, s.Answer = got.Code, got.Warnings, got.Body
	}
}
