package controllers

import (
	"fmt"
	"net/http"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// acting is a manager whose clients call the API as one controller. The cache stays the manager's: what it shows, and has shown
// of the controllers' own writes, is shared by all.
type acting struct {
	manager.Manager
	as     kit.Access
	writer client.Client
	shared shared
	// workers are how many the controller is told to have.
	workers int
}

// shared is what the controllers of a manager have in common.
type shared struct {
	sight *kit.Sight
	nodes *patch.Nodes
}

// actAs returns mgr for a controller with that service account. Where controllers have no identities of their own it acts as mgr does.
func actAs(mgr manager.Manager, deps kit.Deps, c *controller, common shared) (manager.Manager, error) {
	as := kit.Access{
		Config: mgr.GetConfig(), HTTPClient: mgr.GetHTTPClient(), Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Recorder: mgr.GetEventRecorderFor,
	}
	if deps.Access != nil && c.account != "" {
		var err error
		if as, err = deps.Access(c.account); err != nil {
			return nil, fmt.Errorf("getting access as %s: %w", c.account, err)
		}
	}
	return &acting{Manager: mgr, as: as, writer: kit.Writer(as.Client), shared: common, workers: deps.Tuning.Workers[c.name]}, nil
}

// Sight is what the cache has shown of the controllers' writes.
func (a *acting) Sight() *kit.Sight { return a.shared.sight }

// Workers is how many objects the controller looks at at a time, 0 if it knows by itself.
func (a *acting) Workers() int { return a.workers }

// Nodes is what joins the controllers' changes of Nodes.
func (a *acting) Nodes() *patch.Nodes { return a.shared.nodes }

// GetConfig implements manager.Manager.
func (a *acting) GetConfig() *rest.Config { return a.as.Config }

// GetHTTPClient implements manager.Manager.
func (a *acting) GetHTTPClient() *http.Client { return a.as.HTTPClient }

// GetClient implements manager.Manager.
func (a *acting) GetClient() client.Client { return a.writer }

// GetAPIReader implements manager.Manager.
func (a *acting) GetAPIReader() client.Reader { return a.as.Live }

// GetEventRecorderFor implements manager.Manager.
func (a *acting) GetEventRecorderFor(component string) record.EventRecorder {
	return a.as.Recorder(component)
}
