package apiserver

import (
	"context"
	"errors"

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

func (s *Server) synced(context.Context) error {
	select {
	case <-s.Cache.Ready():
		return nil
	default:
		return errors.New("the watch cache is not loaded")
	}
}
