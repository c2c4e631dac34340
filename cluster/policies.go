package cluster

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/typecheck"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
)

// newTypeChecks writes what is suspicious in the expressions of admission policies into their status.
func (c *controlPlane) newTypeChecks() *typecheck.Controller {
	return &typecheck.Controller{
		Lister: c.view, Follow: c.view.Follow,
		Writer: sync.OnceValues(func() (client.Client, error) {
			return c.inProcess.Client(identity.Account("validatingadmissionpolicy-status-controller"), nil)
		}),
		Checker: typecheck.Checker{Types: &typecheck.Served{Rows: c.rows, Lister: c.view}},
	}
}
