package policy

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/network/packetfilter"
)

// Enforcer makes the kernel enforce the policies for the pods of one node.
type Enforcer struct {
	// Cache gives the informers of NetworkPolicies and, when there is one, of Namespaces, Pods and EndpointSlices.
	Cache cache.Cache
	// NodeName is the node whose pods are isolated.
	NodeName string
	// Clock is for tests. Default: the real one.
	Clock clock.Clock

	woken    chan struct{}
	inputs   *inputs
	isolator *packetfilter.Isolator
}

const (
	// rest after a round gathers what comes in a storm.
	rest = 100 * time.Millisecond
	// retryDelay is how long after a failure everything is written anew.
	retryDelay = time.Second
)

// Run enforces until ctx ends, in the calling goroutine's network namespace. When it returns pods stay isolated.
func (e *Enforcer) Run(ctx context.Context) error {
	if e.Clock == nil {
		e.Clock = clock.RealClock{}
	}
	e.woken = make(chan struct{}, 1)
	e.inputs, e.isolator = newInputs(e.Cache, e.wake), packetfilter.NewIsolator()
	log := logr.FromContextOrDiscard(ctx).WithName("policy")
	stop, err := e.inputs.watchPolicies(ctx)
	if err != nil {
		return fmt.Errorf("enforcing network policies: %w", err)
	}
	defer stop()
	stopPeers := func() {}
	defer func() { stopPeers() }()
	e.wake()
	watching := false
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-e.woken:
		case <-retry:
		}
		if !watching && e.inputs.anyPolicies() {
			if stopPeers, err = e.inputs.watchPeers(ctx); err != nil {
				return fmt.Errorf("enforcing network policies: %w", err)
			}
			watching = true
		}
		if ctx.Err() != nil {
			return nil // perhaps before all pods were known: nothing is to be opened
		}
		retry = nil
		if err := e.isolator.Set(e.inputs.compute(e.NodeName)); err != nil {
			log.Error(err, "Network policies are not enforced as they should be", "again", retryDelay)
			retry = e.Clock.After(retryDelay)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-e.Clock.After(rest):
		}
	}
}

func (e *Enforcer) wake() {
	select {
	case e.woken <- struct{}{}:
	default:
	}
}
