package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol"
)

// RequestOptions bound how many requests the API server works on, and for how long, by upstream's names.
type RequestOptions struct {
	// EnablePriorityAndFairness has requests wait for their turn; default true. Without it, they are turned away at the two bounds.
	EnablePriorityAndFairness bool `json:"enable-priority-and-fairness"`
	// MaxRequestsInflight and MaxMutatingRequestsInflight bound the requests under way, long-running ones apart; default 400 and 200.
	// With priority and fairness, their sum is what priority levels divide.
	MaxRequestsInflight         int `json:"max-requests-inflight"`
	MaxMutatingRequestsInflight int `json:"max-mutating-requests-inflight"`
	// RequestTimeout is what a request may take unless it names a shorter one; default a minute.
	RequestTimeout metav1.Duration `json:"request-timeout,omitempty"`
	// MinRequestTimeout in seconds is how long a watch that names no timeout lasts at least; default 1800, at most twice that.
	MinRequestTimeout int `json:"min-request-timeout"`
	// GoawayChance is how often an HTTP/2 client is sent to connect anew, so that it may reach another server: 0 (the default) to 0.02.
	GoawayChance float64 `json:"goaway-chance,omitempty"`
	// ShutdownDelayDuration is how long requests are still served after /readyz says that the server ends; default 0.
	ShutdownDelayDuration metav1.Duration `json:"shutdown-delay-duration,omitempty"`
}

const maxGoawayChance = 0.02

func defaultRequests() RequestOptions {
	return RequestOptions{
		EnablePriorityAndFairness: true, MaxRequestsInflight: 400, MaxMutatingRequestsInflight: 200,
		RequestTimeout: metav1.Duration{Duration: time.Minute}, MinRequestTimeout: 1800,
	}
}

// validate returns everything that is wrong, in upstream's words.
func (o *RequestOptions) validate() error {
	var wrong []error
	if o.MaxRequestsInflight < 0 {
		wrong = append(wrong, errors.New("--max-requests-inflight can not be negative value"))
	}
	if o.MaxMutatingRequestsInflight < 0 {
		wrong = append(wrong, errors.New("--max-mutating-requests-inflight can not be negative value"))
	}
	if o.EnablePriorityAndFairness && o.MaxRequestsInflight+o.MaxMutatingRequestsInflight <= 0 {
		wrong = append(wrong, errors.New("sum of --max-requests-inflight and --max-mutating-requests-inflight must be positive if --enable-priority-and-fairness is true"))
	}
	if o.RequestTimeout.Duration <= 0 {
		wrong = append(wrong, errors.New("--request-timeout can not be negative value"))
	}
	if o.MinRequestTimeout < 0 {
		wrong = append(wrong, errors.New("--min-request-timeout can not be negative value"))
	}
	if o.GoawayChance < 0 || o.GoawayChance > maxGoawayChance {
		wrong = append(wrong, fmt.Errorf("--goaway-chance can not be less than 0 or greater than %.2f", maxGoawayChance))
	}
	if o.ShutdownDelayDuration.Duration < 0 {
		wrong = append(wrong, errors.New("--shutdown-delay-duration can not be negative value"))
	}
	return errors.Join(wrong...)
}

// bound tells the server what the options say of requests.
func (o *RequestOptions) bound(s *apiserver.Server) {
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
	writer, err := c.client(serverIdentity(), nil)
	if err != nil {
		return err
	}
	reconciler := &flowcontrol.Reconciler{Controller: c.server.Flows, View: c.view, Client: writer, Clock: clock.RealClock{}}
	return reconciler.Run(ctx)
}
