package webhook

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
	"k8s.io/utils/clock"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

// hook is a webhook that remembers what it was asked, and answers with a status.
type hook struct {
	*httptest.Server
	kubeconfig string
	asked      atomic.Int64
	last       atomic.Value // the body, without what the Go types always write
	answer     func(w http.ResponseWriter, spec map[string]any) map[string]any
}

func newHook(t *testing.T, answer func(w http.ResponseWriter, spec map[string]any) map[string]any) *hook {
	t.Helper()
	h := &hook{answer: answer}
	h.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked.Add(1)
		body, _ := io.ReadAll(r.Body)
		h.last.Store(string(body))
		var review map[string]any
		if err := json.Unmarshal(body, &review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		spec, _ := review["spec"].(map[string]any)
		if review["status"] = h.answer(w, spec); review["status"] != nil {
			_ = json.NewEncoder(w).Encode(review)
		}
	}))
	t.Cleanup(h.Close)
	dir := t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	h.kubeconfig = filepath.Join(dir, "kubeconfig")
	config := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: h, cluster: {server: %s/hook, certificate-authority: %s}}]\n"+
		"users: [{name: u, user: {token: secret}}]\ncontexts: [{name: c, context: {cluster: h, user: u}}]\ncurrent-context: c\n", h.URL, ca)
	for path, data := range map[string][]byte{ca: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.Certificate().Raw}), h.kubeconfig: []byte(config)} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

type status = map[string]any

func TestTokens(t *testing.T) {
	h := newHook(t, func(w http.ResponseWriter, spec map[string]any) map[string]any {
		switch spec["token"] {
		case "good":
			return status{"authenticated": true, "user": status{"username": "bob", "uid": "7", "groups": []string{"g"}, "extra": status{"K": []string{"v"}}}}
		case "other":
			return status{"authenticated": true, "user": status{"username": "bob"}, "audiences": []string{"other"}}
		case "explained":
			return status{"error": "no such token"}
		case "refused":
			http.Error(w, "no", http.StatusBadRequest)
			return nil
		}
		return status{}
	})
	for _, version := range []string{"v1", "v1beta1"} {
		tokens, err := NewTokens(h.kubeconfig, version, []string{"api"}, clock.RealClock{})
		if err != nil {
			t.Fatal(err)
		}
		response, ok, err := tokens.AuthenticateToken(context.Background(), "good")
		want := &authenticator.Response{Audiences: []string{"api"}, User: &user.DefaultInfo{
			Name: "bob", UID: "7", Groups: []string{"g"}, Extra: map[string][]string{"K": {"v"}},
		}}
		if diff := cmp.Diff(want, response); diff != "" || !ok || err != nil {
			t.Error(version, diff, ok, err)
		}
		body := `{"kind":"TokenReview","apiVersion":"authentication.k8s.io/` + version + `","metadata":{},"spec":{"token":"good","audiences":["api"]},"status":{"user":{}}}`
		if got := h.last.Load(); got != body {
			t.Errorf("asked %s\nwant  %s", got, body)
		}
		for token, why := range map[string]string{"bad": "", "other": "", "explained": "no such token", "refused": "the server rejected our request for an unknown reason"} {
			if _, ok, err := tokens.AuthenticateToken(context.Background(), token); ok || (err == nil) != (why == "") || err != nil && err.Error() != why {
				t.Errorf("%s: %v %v", token, ok, err)
			}
		}
		response, ok, err = tokens.AuthenticateToken(authenticator.WithAudiences(context.Background(), []string{"other", "more"}), "other")
		if err != nil || !ok || !cmp.Equal(response.Audiences, authenticator.Audiences{"other"}) {
			t.Errorf("a token for others: %v %v %v", response, ok, err)
		}
	}
	if _, err := NewTokens(h.kubeconfig, "v3", nil, clock.RealClock{}); err == nil {
		t.Error("a version that does not exist")
	}
	if _, err := NewTokens("/nowhere", "v1", nil, clock.RealClock{}); err == nil || err.Error() != "stat /nowhere: no such file or directory" {
		t.Error(err)
	}
}

// What may succeed is asked again, with pauses.
func TestRetries(t *testing.T) {
	h := newHook(t, nil)
	h.answer = func(w http.ResponseWriter, _ map[string]any) map[string]any {
		if h.asked.Load() < 3 {
			http.Error(w, "not now", http.StatusInternalServerError)
			return nil
		}
		return status{"authenticated": true, "user": status{"username": "bob"}}
	}
	c := newLeaping()
	tokens, err := NewTokens(h.kubeconfig, "v1", nil, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := tokens.AuthenticateToken(t.Context(), "x"); !ok || err != nil || h.asked.Load() != 3 {
		t.Errorf("%t, %v after %d calls", ok, err, h.asked.Load())
	}
	if len(c.waited) != 2 || c.waited[0] <= 0 || c.waited[1] <= c.waited[0] {
		t.Errorf("the pauses are %v, want two that grow", c.waited)
	}
}

// leaping is a clock that leaps ahead where somebody waits.
type leaping struct {
	*testingclock.FakeClock
	waited []time.Duration
}

func newLeaping() *leaping { return &leaping{FakeClock: testingclock.NewFakeClock(time.Unix(1000, 0))} }

func (c *leaping) After(d time.Duration) <-chan time.Time {
	c.waited = append(c.waited, d)
	over := c.FakeClock.After(d)
	c.Step(d)
	return over
}

// A webhook cannot have requests wait as long as it likes.
func TestRetryAfterIsBounded(t *testing.T) {
	h := newHook(t, nil)
	h.answer = func(w http.ResponseWriter, _ map[string]any) map[string]any {
		if h.asked.Load() == 1 {
			w.Header().Set("Retry-After", "100000")
			http.Error(w, "not now", http.StatusTooManyRequests)
			return nil
		}
		return status{"authenticated": true, "user": status{"username": "bob"}}
	}
	c := newLeaping()
	tokens, err := NewTokens(h.kubeconfig, "v1", nil, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := tokens.AuthenticateToken(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if longest := 10 * time.Second; !slices.Equal(c.waited, []time.Duration{longest}) {
		t.Errorf("it waits for %v, want %s", c.waited, longest)
	}
}

func newAccess(t *testing.T, h *hook, change func(*apiserver.WebhookConfiguration)) (*Access, *testingclock.FakeClock) {
	t.Helper()
	c := testingclock.NewFakeClock(time.Unix(1000, 0))
	config := apiserver.WebhookConfiguration{
		AuthorizedTTL: metav1.Duration{Duration: time.Minute}, CacheAuthorizedRequests: true,
		UnauthorizedTTL: metav1.Duration{Duration: 10 * time.Second}, CacheUnauthorizedRequests: true,
		Timeout: metav1.Duration{Duration: time.Minute}, SubjectAccessReviewVersion: "v1", FailurePolicy: apiserver.FailurePolicyNoOpinion,
	}
	if change != nil {
		change(&config)
	}
	matcher, errs := validation.ValidateAndCompileMatchConditions(authorizationcel.NewDefaultCompiler(), config.MatchConditions)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	a, err := NewAccess(Settings{Name: "hook", Kubeconfig: h.kubeconfig, Config: config, Matcher: matcher, Clock: c, Metrics: authmetrics.New("test")})
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func deciding(_ http.ResponseWriter, spec map[string]any) map[string]any {
	name, _ := spec["user"].(string)
	return status{"allowed": strings.Contains(name, "yes"), "denied": strings.Contains(name, "no"), "reason": "because"}
}

func asking(name string) authorizer.AttributesRecord {
	return authorizer.AttributesRecord{User: &user.DefaultInfo{Name: name}, Verb: "get", Path: "/x"}
}

func TestAccess(t *testing.T) {
	h := newHook(t, deciding)
	a, c := newAccess(t, h, nil)
	ask := func(name string, want authorizer.Decision, calls int64) {
		t.Helper()
		before := h.asked.Load()
		decision, reason, err := a.Authorize(context.Background(), asking(name))
		if decision != want || err != nil || reason != "because" || h.asked.Load()-before != calls {
			t.Errorf("%s: %v %q %v after %d calls", name, decision, reason, err, h.asked.Load()-before)
		}
	}
	ask("yes", authorizer.DecisionAllow, 1)
	ask("yes", authorizer.DecisionAllow, 0)
	ask("no", authorizer.DecisionDeny, 1)
	ask("maybe", authorizer.DecisionNoOpinion, 1)
	c.Step(11 * time.Second)
	ask("yes", authorizer.DecisionAllow, 0)
	ask("no", authorizer.DecisionDeny, 1)
	c.Step(time.Minute)
	ask("yes", authorizer.DecisionAllow, 1)
	long := strings.Repeat("yes", maxRemembered)
	ask(long, authorizer.DecisionAllow, 1)
	ask(long, authorizer.DecisionAllow, 1) // too long to be remembered
	_, _, incomplete, err := a.RulesFor(context.Background(), &user.DefaultInfo{}, "x")
	if !incomplete || err == nil || err.Error() != "webhook authorizer does not support user rule resolution" {
		t.Errorf("%v %v", incomplete, err)
	}
}

func TestFailures(t *testing.T) {
	h := newHook(t, func(w http.ResponseWriter, spec map[string]any) map[string]any {
		switch spec["user"] {
		case "both":
			return status{"allowed": true, "denied": true}
		case "broken":
			http.Error(w, "no", http.StatusBadRequest)
		case "garbage":
			_, _ = io.WriteString(w, "{")
		case "stranger":
			_, _ = io.WriteString(w, `{"kind":"Pod","apiVersion":"v1"}`)
		}
		return nil
	})
	for policy, want := range map[string]authorizer.Decision{apiserver.FailurePolicyDeny: authorizer.DecisionDeny, apiserver.FailurePolicyNoOpinion: authorizer.DecisionNoOpinion} {
		a, _ := newAccess(t, h, func(c *apiserver.WebhookConfiguration) { c.FailurePolicy = policy })
		if decision, _, err := a.Authorize(context.Background(), asking("both")); decision != authorizer.DecisionDeny || err == nil {
			t.Errorf("%s, allowed and denied at once: %v %v", policy, decision, err)
		}
		for _, name := range []string{"broken", "garbage", "stranger"} {
			if decision, _, err := a.Authorize(context.Background(), asking(name)); decision != want || err == nil {
				t.Errorf("%s, %s: %v %v", policy, name, decision, err)
			}
		}
	}
	a, _ := newAccess(t, h, nil)
	h.Close()
	if decision, _, err := a.Authorize(context.Background(), asking("yes")); decision != authorizer.DecisionNoOpinion || err == nil {
		t.Errorf("nobody answers: %v %v", decision, err)
	}
}

func TestConditions(t *testing.T) {
	h := newHook(t, deciding)
	a, _ := newAccess(t, h, func(c *apiserver.WebhookConfiguration) {
		c.FailurePolicy = apiserver.FailurePolicyDeny
		c.MatchConditions = []apiserver.WebhookMatchCondition{
			{Expression: "has(request.nonResourceAttributes)"}, {Expression: "request.user.startsWith('ask') || request.extra['k'][0] == 'v'"},
		}
	})
	for _, c := range []struct {
		name  string
		calls int64
		want  authorizer.Decision
		fails bool
	}{{"ask yes", 1, authorizer.DecisionAllow, false}, {"yes", 0, authorizer.DecisionDeny, true}} {
		before := h.asked.Load()
		decision, _, err := a.Authorize(context.Background(), asking(c.name))
		if decision != c.want || (err != nil) != c.fails || h.asked.Load()-before != c.calls {
			t.Errorf("%s: %v %v after %d calls", c.name, decision, err, h.asked.Load()-before)
		}
	}
	resource := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "yes"}, Verb: "get", Resource: "pods", ResourceRequest: true}
	if decision, _, err := a.Authorize(context.Background(), resource); decision != authorizer.DecisionNoOpinion || err != nil {
		t.Errorf("a request that the conditions exclude: %v %v", decision, err)
	}
}

// What is sent was compared with what a kube-apiserver sends for the same request.
func TestReviews(t *testing.T) {
	byLabel, err := labels.Parse("a=b,c notin (d,e),!f,g,h>5")
	if err != nil {
		t.Fatal(err)
	}
	requirements, _ := byLabel.Requirements()
	list := authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: "bob", UID: "2", Groups: []string{"g"}, Extra: map[string][]string{"K": {"v"}}},
		Verb: "list", APIVersion: "v1", Resource: "pods", Namespace: "default", ResourceRequest: true,
		FieldSelectorRequirements: fields.ParseSelectorOrDie("spec.nodeName=x,status.phase!=Running").Requirements(), LabelSelectorRequirements: requirements,
	}
	of := `"resourceAttributes":{"namespace":"default","verb":"list","version":"v1","resource":"pods","fieldSelector":{"requirements":[{"key":"spec.nodeName","operator":"In","values":["x"]},{"key":"status.phase","operator":"NotIn","values":["Running"]}]},"labelSelector":{"requirements":[{"key":"a","operator":"In","values":["b"]},{"key":"c","operator":"NotIn","values":["d","e"]},{"key":"f","operator":"DoesNotExist"},{"key":"g","operator":"Exists"}]}}`
	h := newHook(t, deciding)
	for version, want := range map[string]string{
		"v1":      `{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1","metadata":{},"spec":{` + of + `,"user":"bob","groups":["g"],"extra":{"K":["v"]},"uid":"2"},"status":{"allowed":false}}`,
		"v1beta1": `{"kind":"SubjectAccessReview","apiVersion":"authorization.k8s.io/v1beta1","metadata":{},"spec":{` + of + `,"user":"bob","group":["g"],"extra":{"K":["v"]},"uid":"2"},"status":{"allowed":false}}`,
	} {
		a, _ := newAccess(t, h, func(c *apiserver.WebhookConfiguration) { c.SubjectAccessReviewVersion = version })
		if _, _, err := a.Authorize(context.Background(), list); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, h.last.Load()); diff != "" {
			t.Error(diff)
		}
	}
}
