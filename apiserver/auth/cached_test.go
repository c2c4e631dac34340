package auth

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

func TestCached(t *testing.T) {
	var asked atomic.Int64
	clock := testingclock.NewFakePassiveClock(time.Unix(1000, 0))
	c := &Cached{
		Next: authenticator.TokenFunc(func(_ context.Context, token string) (*authenticator.Response, bool, error) {
			asked.Add(1)
			if token == "broken" {
				return nil, false, errors.New("nobody answers")
			}
			return &authenticator.Response{User: &user.DefaultInfo{Name: token}}, token == "good", nil
		}),
		Accepted: time.Minute, Refused: 10 * time.Second, Clock: clock, Metrics: authmetrics.New("test"),
	}
	ask := func(ctx context.Context, token string, want int64) {
		t.Helper()
		before := asked.Load()
		response, ok, err := c.AuthenticateToken(ctx, token)
		if ok != (token == "good") || (err != nil) != (token == "broken") || ok && response.User.GetName() != token {
			t.Errorf("%s: %v %v", token, ok, err)
		}
		if got := asked.Load() - before; got != want {
			t.Errorf("%s was asked about %d times, want %d", token, got, want)
		}
	}
	ctx := context.Background()
	ask(ctx, "good", 1)
	ask(ctx, "good", 0)
	ask(authenticator.WithAudiences(ctx, []string{"other"}), "good", 1) // another question
	ask(ctx, "bad", 1)
	ask(ctx, "bad", 0)
	ask(ctx, "broken", 1)
	ask(ctx, "broken", 1)
	clock.SetTime(clock.Now().Add(11 * time.Second))
	ask(ctx, "good", 0)
	ask(ctx, "bad", 1)
	clock.SetTime(clock.Now().Add(time.Minute))
	ask(ctx, "good", 1)
}

// Many who ask at the same time are one question, and one who gives up does not spoil it for the others.
func TestCachedAsksOnce(t *testing.T) {
	var asked atomic.Int64
	begun, answer := make(chan struct{}, 10), make(chan struct{})
	c := &Cached{
		Next: authenticator.TokenFunc(func(ctx context.Context, _ string) (*authenticator.Response, bool, error) {
			asked.Add(1)
			begun <- struct{}{}
			<-answer
			return &authenticator.Response{User: &user.DefaultInfo{Name: "bob"}}, true, ctx.Err()
		}),
		Accepted: time.Minute, Clock: testingclock.NewFakePassiveClock(time.Unix(1000, 0)), Metrics: authmetrics.New("test"),
	}
	impatient, leave := context.WithCancel(context.Background())
	var all sync.WaitGroup
	all.Go(func() {
		if _, ok, err := c.AuthenticateToken(impatient, "x"); ok || !errors.Is(err, context.Canceled) {
			t.Errorf("%v %v", ok, err)
		}
	})
	<-begun
	for range 8 {
		all.Go(func() {
			if _, ok, err := c.AuthenticateToken(context.Background(), "x"); !ok || err != nil {
				t.Errorf("%v %v", ok, err)
			}
		})
	}
	leave()
	close(answer)
	all.Wait()
	if asked.Load() > 2 { // who came after the answer finds it remembered
		t.Errorf("asked %d times", asked.Load())
	}
}

// What asks belongs to no request: nobody else would catch its panic.
func TestCachedPanicIsAnError(t *testing.T) {
	c := &Cached{
		Next:  authenticator.TokenFunc(func(context.Context, string) (*authenticator.Response, bool, error) { panic("broken") }),
		Clock: testingclock.NewFakePassiveClock(time.Unix(1000, 0)), Metrics: authmetrics.New("test"),
	}
	if _, ok, err := c.AuthenticateToken(context.Background(), "x"); ok || err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("%v %v", ok, err)
	}
}

func TestCachedAsksWithDeadline(t *testing.T) {
	c := &Cached{
		Next: authenticator.TokenFunc(func(ctx context.Context, _ string) (*authenticator.Response, bool, error) {
			if until, ok := ctx.Deadline(); !ok || time.Until(until) > askPatience {
				return nil, false, errors.New("it may last for ever")
			}
			return &authenticator.Response{User: &user.DefaultInfo{Name: "bob"}}, true, nil
		}),
		Clock: testingclock.NewFakePassiveClock(time.Unix(1000, 0)), Metrics: authmetrics.New("test"),
	}
	if _, ok, err := c.AuthenticateToken(context.Background(), "x"); !ok || err != nil {
		t.Errorf("%v %v", ok, err)
	}
}

// An answer that is remembered is shared: a request that adds to it adds to its own copy.
func TestRememberedAnswerIsNotChanged(t *testing.T) {
	answer := &authenticator.Response{User: &user.DefaultInfo{Name: "bob"}}
	a := &Authenticator{Requests: []authenticator.Request{&BearerTokens{Tokens: []authenticator.Token{&Cached{
		Next:     authenticator.TokenFunc(func(context.Context, string) (*authenticator.Response, bool, error) { return answer, true, nil }),
		Accepted: time.Minute, Clock: testingclock.NewFakePassiveClock(time.Unix(1000, 0)), Metrics: authmetrics.New("test"),
	}}}}}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			request := httptest.NewRequest(http.MethodGet, "/", nil)
			request.Header.Set("Authorization", "Bearer x")
			response, ok, err := a.AuthenticateRequest(request)
			if !ok || err != nil || !slices.Equal(response.User.GetGroups(), []string{user.AllAuthenticated}) {
				t.Errorf("%v %v %v", response, ok, err)
			}
		})
	}
	all.Wait()
	if groups := answer.User.GetGroups(); len(groups) > 0 {
		t.Errorf("what is remembered has groups now: %v", groups)
	}
}
