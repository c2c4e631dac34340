package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"time"

	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/test/differential/answers"
	"github.com/coxswain-k8s/coxswain/test/differential/requests"
)

// patience with one answer, and with the events of a watch.
const (
	patience      = time.Minute
	watchPatience = 3 * time.Second
)

// answered is a request with its answer.
type answered struct {
	request requests.Request
	answers.Answer
}

// side is one of the two servers: what it was asked, and what it answered.
type side struct {
	host      string
	admin     *http.Client
	anonymous *http.Client
	saved     map[string]string
	answered  []answered
}

func newSide(config *rest.Config) (*side, error) {
	s := &side{host: config.Host, saved: map[string]string{}}
	var err error
	if s.admin, err = rest.HTTPClientFor(config); err != nil {
		return s, err
	}
	s.anonymous, err = rest.HTTPClientFor(rest.AnonymousClientConfig(config))
	for _, client := range []*http.Client{s.admin, s.anonymous} {
		if client != nil {
			client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
		}
	}
	return s, err
}

// send sends all, one after the other.
func (s *side) send(ctx context.Context, all []requests.Request) error {
	for i := range all {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if all[i].Events > 0 {
			s.watch(ctx, &all[i])
			continue
		}
		s.one(ctx, &all[i])
	}
	return nil
}

func (s *side) one(ctx context.Context, r *requests.Request) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	a := answers.Answer{}
	response, err := s.do(ctx, r)
	if err == nil {
		defer response.Body.Close()
		a.Code, a.Header = response.StatusCode, response.Header
		a.Body, err = io.ReadAll(response.Body)
	}
	if err != nil {
		a.Failed = "no answer" // what the library says of it names ports
	}
	s.keep(r, a)
}

// watch opens a watch, has other requests sent, and reads events until there are enough or no more come.
func (s *side) watch(ctx context.Context, r *requests.Request) {
	watching, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := s.do(watching, r)
	if err != nil {
		_ = s.send(ctx, r.During) // the other side sends them too
		s.keep(r, answers.Answer{Failed: "no answer"})
		return
	}
	defer response.Body.Close()
	if err := s.send(ctx, r.During); err != nil {
		return
	}
	a := answers.Answer{Code: response.StatusCode, Header: response.Header}
	if a.Code != http.StatusOK {
		a.Body, _ = io.ReadAll(response.Body)
		s.keep(r, a)
		return
	}
	silence := time.AfterFunc(watchPatience, cancel)
	defer silence.Stop()
	next := answers.Events(response.Header.Get("Content-Type"), response.Body)
	var events [][]byte
	for len(events) < r.Events {
		event, err := next()
		if err != nil {
			break
		}
		events = append(events, event)
	}
	a.Body = []byte("[" + string(bytes.Join(events, []byte(","))) + "]")
	s.keep(r, a)
}

func (s *side) do(ctx context.Context, r *requests.Request) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, s.host+s.fill(r.Path), strings.NewReader(s.fill(r.Body)))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", "differential/1.0")
	for key, value := range r.Header {
		request.Header.Set(key, s.fill(value))
	}
	client := s.admin
	switch r.As {
	case "":
	case "anonymous":
		client = s.anonymous
	default:
		request.Header.Set("Impersonate-User", r.As)
	}
	return client.Do(request)
}

var hole = regexp.MustCompile(`\$\{[a-zA-Z0-9_.-]+\}`)

// fill replaces ${NAME.FIELD} by what was saved.
func (s *side) fill(text string) string {
	return hole.ReplaceAllStringFunc(text, func(h string) string { return s.saved[h[2:len(h)-1]] })
}

// keep remembers an answer, and of its object what later requests name.
func (s *side) keep(r *requests.Request, a answers.Answer) {
	s.answered = append(s.answered, answered{request: *r, Answer: a})
	if r.Save == "" {
		return
	}
	var object struct {
		Metadata struct{ Name, UID, ResourceVersion, Continue string }
		Status   struct{ Token string }
	}
	if err := json.Unmarshal(a.Body, &object); err != nil && !errors.Is(err, io.EOF) {
		return
	}
	m := object.Metadata
	for field, value := range map[string]string{
		"name": m.Name, "uid": m.UID, "resourceVersion": m.ResourceVersion, "continue": m.Continue, "token": object.Status.Token,
	} {
		s.saved[fmt.Sprintf("%s.%s", r.Save, field)] = value
	}
}
