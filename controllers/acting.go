package controllers

import (
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// acting is a manager whose clients call the API as one controller. The cache stays the manager's: what it shows is
// shared by all.
type acting struct {
	manager.Manager
	as kit.Access
}

// actAs returns mgr for a controller with that service account, or mgr itself where controllers have no identities
// of their own.
func actAs(mgr manager.Manager, deps kit.Deps, account string) (manager.Manager, error) {
	if deps.Access == nil || account == "" {
		return mgr, nil
	}
	as, err := deps.Access(account)
	if err != nil {
		return nil, fmt.Errorf("getting access as %s: %w", account, err)
	}
	return &acting{Manager: mgr, as: as}, nil
}

// GetConfig implements manager.Manager.
func (a *acting) GetConfig() *rest.Config { return a.as.Config }

// GetHTTPClient implements manager.Manager.
func (a *acting) GetHTTPClient() *http.Client { return a.as.HTTPClient }

// GetClient implements manager.Manager.
func (a *acting) GetClient() client.Client { return a.as.Client }

// GetAPIReader implements manager.Manager.
func (a *acting) GetAPIReader() client.Reader { return a.as.Live }

// GetEventRecorderFor implements manager.Manager.
func (a *acting) GetEventRecorderFor(component string) record.EventRecorder {
	return a.as.Recorder(component)
}
