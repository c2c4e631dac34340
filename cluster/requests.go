package cluster

import (
	"context"
	"time"

	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// bound tells the server what the options say of requests.
func bound(o *options.RequestOptions, s *apiserver.Server) {
	s.RequestTimeout, s.MinWatch = o.RequestTimeout.Duration, time.Duration(orNone(o.MinRequestTimeout))*time.Second
	s.MaxInFlight, s.MaxMutatingInFlight = orNone(o.MaxRequestsInflight), orNone(o.MaxMutatingRequestsInflight)
	s.GoawayChance = o.GoawayChance
	if o.EnablePriorityAndFairness {
		s.Flows = &flowcontrol.Controller{Seats: o.MaxRequestsInflight + o.MaxMutatingRequestsInflight, Clock: clock.RealClock{}}
	}
}

// orNone: what 0 means on the command line, the server is told by a number below it.
func orNone(value int) int {
	if value == 0 {
		return -1
	}
	return value
}

// runFlowControl follows the FlowSchemas and PriorityLevelConfigurations of the cluster, until ctx ends.
func (c *controlPlane) runFlowControl(ctx context.Context) error {
	if c.server.Flows == nil {
		return nil
	}
	select {
	case <-c.ready: // the objects of a new cluster are there: none is missed and made a second time
	case <-ctx.Done():
		return nil
	}
	writer, err := c.inProcess.Client(identity.Server(), nil)
	if err != nil {
		return err
	}
	reconciler := &flowcontrol.Reconciler{Controller: c.server.Flows, View: c.view, Client: writer, Clock: clock.RealClock{}}
	return reconciler.Run(ctx)
}
