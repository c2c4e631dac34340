package apiserver

import (
	"context"
	"errors"
	"testing"
)

// How the checks of health end is told in numbers, also where nobody has asked for them yet.
func TestChecksAreCounted(t *testing.T) {
	ts := newServer(t, func(s *Server) {
		s.Checks = []Check{{Name: "bad", ReadyOnly: true, Check: func(context.Context) error { return errors.New("bad") }}}
	})
	ts.get("/readyz").wants(500)
	ts.get("/livez").wants(200)
	ts.get("/metrics/slis").wants(200).
		says(`kubernetes_healthcheck{name="etcd",type="livez"} 1`).
		says(`kubernetes_healthcheck{name="bad",type="readyz"} 0`).
		says(`kubernetes_healthchecks_total{name="bad",status="error",type="readyz"} 2`).
		says(`kubernetes_healthchecks_total{name="etcd",status="success",type="livez"} 2`)
}
