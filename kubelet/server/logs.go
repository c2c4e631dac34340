package server

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/kubelet/server/crilog"
)

func (s *Server) containerLogs(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	options, err := s.logOptions(query)
	if err != nil {
		fail(w, apierrors.NewBadRequest(err.Error()))
		return
	}
	ref := containerRef(r)
	log, err := s.Backend.ContainerLog(r.Context(), ref, isTrue(query.Get("previous")))
	if err != nil {
		fail(w, err)
		return
	}
	if log.Release != nil {
		defer log.Release()
	}
	if isTrue(query.Get("follow")) {
		options.Ended = log.Ended
	}
	w.Header().Set("Content-Type", "text/plain")
	out := &started{ResponseWriter: w}
	flush := func() {
		out.started = true
		_ = http.NewResponseController(w).Flush()
	}
	err = crilog.Read(r.Context(), log.Path, options, out, flush)
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	logr.FromContextOrDiscard(r.Context()).Error(err, "Reading container log failed", "container", log.ContainerID)
	if !out.started {
		fail(w, err)
		return
	}
	fmt.Fprintf(w, "\n%v\n", err)
}

// started remembers whether the answer's head is sent.
type started struct {
	http.ResponseWriter
	started bool
}

func (s *started) Write(data []byte) (int, error) {
	s.started = true
	return s.ResponseWriter.Write(data)
}

func (s *Server) logOptions(query url.Values) (crilog.Options, error) {
	options := crilog.Options{Timestamps: isTrue(query.Get("timestamps"))}
	var err error
	if options.Tail, err = count(query, "tailLines", 0); err != nil {
		return options, err
	}
	if options.LimitBytes, err = count(query, "limitBytes", 1); err != nil {
		return options, err
	}
	seconds, err := count(query, "sinceSeconds", 1)
	if err != nil {
		return options, err
	}
	if seconds != nil {
		options.Since = s.clock().Now().Add(-time.Duration(*seconds) * time.Second)
	}
	if text := query.Get("sinceTime"); text != "" {
		if seconds != nil {
			return options, errors.New("at most one of sinceTime or sinceSeconds may be specified")
		}
		if options.Since, err = time.Parse(time.RFC3339, text); err != nil {
			return options, fmt.Errorf("parsing sinceTime: %w", err)
		}
	}
	switch stream := query.Get("stream"); stream {
	case "", "All":
	case "Stdout", "Stderr":
		options.Stream = strings.ToLower(stream)
	default:
		return options, fmt.Errorf("invalid stream %q: must be All, Stdout or Stderr", stream)
	}
	return options, nil
}

func count(query url.Values, name string, least int64) (*int64, error) {
	text := query.Get(name)
	if text == "" {
		return nil, nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("parsing %s: %w", name, err)
	}
	if value < least {
		return nil, fmt.Errorf("%s must be greater than or equal to %d", name, least)
	}
	return &value, nil
}

func isTrue(text string) bool {
	value, err := strconv.ParseBool(text)
	return err == nil && value
}
