package apiserver

import (
	"context"
	"errors"
	"net/http"

	"github.com/coxswain-k8s/coxswain/apiserver/health"
)

// Check is a named part of /healthz, /livez and /readyz.
type Check = health.Check

// checks are all there are.
func (s *Server) checks() []Check {
	return append([]Check{
		{Name: "ping", Check: func(context.Context) error { return nil }},
		{Name: "etcd", Check: s.Store.Healthy},
		{Name: "informer-sync", ReadyOnly: true, Check: s.synced},
	}, s.Checks...)
}

// observed are the checks, which count how they end as those of healthz, livez or readyz.
func (s *Server) observed(root string) []Check {
	all := s.checks()
	for i, check := range all {
		all[i].Check = func(ctx context.Context) error {
			err := check.Check(ctx)
			s.checked.Observe(root, check.Name, err)
			return err
		}
	}
	return all
}

// serveChecks answers how the checks end now, and how they ended before.
func (s *Server) serveChecks(w http.ResponseWriter, r *http.Request) {
	for _, root := range []string{"healthz", "livez", "readyz"} {
		for _, check := range s.observed(root) {
			if root != "livez" || !check.ReadyOnly {
				_ = check.Check(r.Context()) // it is counted
			}
		}
	}
	s.checked.Handler().ServeHTTP(w, r)
}

func (s *Server) synced(context.Context) error {
	select {
	case <-s.Cache.Ready():
		return nil
	default:
		return errors.New("the watch cache is not loaded")
	}
}
