package election

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coordinationv1client "k8s.io/client-go/kubernetes/typed/coordination/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// Terms say how long a leader is believed to be alive.
type Terms struct {
	// Lease is how long others wait for a leader of whom nothing is heard. Default: 15 s.
	Lease time.Duration
	// Renew is how long a leader that cannot renew its lease goes on. Default: 10 s.
	Renew time.Duration
	// Retry is how often leaders renew their lease, and others look whether it is free. Default: 2 s.
	Retry time.Duration
}

// Default returns upstream's terms.
func Default() Terms {
	return Terms{Lease: 15 * time.Second, Renew: 10 * time.Second, Retry: 2 * time.Second}
}

// Validate returns what is wrong with terms.
func (t Terms) Validate() error {
	switch {
	case t.Lease <= t.Renew:
		return errors.New("--leader-elect-lease-duration must be greater than --leader-elect-renew-deadline")
	case t.Renew <= time.Duration(leaderelection.JitterFactor*float64(t.Retry)):
		return fmt.Errorf("--leader-elect-renew-deadline must be greater than --leader-elect-retry-period*%v", leaderelection.JitterFactor)
	case t.Retry <= 0:
		return errors.New("--leader-elect-retry-period must be greater than zero")
	}
	return nil
}

// Election is about one Lease.
type Election struct {
	// Config reaches the Lease.
	Config *rest.Config
	// Name of the Lease.
	Name string
	// Namespace of the Lease. Default: kube-system.
	Namespace string
	// Identity is who we are; no two candidates have the same.
	Identity string
	// Component is who the events of the Lease come from. Default: the Lease's name.
	Component string
	Terms     Terms
}

// Run leads whenever it may, until ctx ends. It returns early only when what it leads ends although it may go on, with its error.
func (e *Election) Run(ctx context.Context, lead func(context.Context) error) error {
	client, err := coordinationv1client.NewForConfig(e.Config)
	if err != nil {
		return fmt.Errorf("making a client for leases: %w", err)
	}
	events, err := newRecorder(ctx, e.Config, cmp.Or(e.Component, e.Name))
	if err != nil {
		return err
	}
	defer events.writing.Wait()
	lock := &resourcelock.LeaseLock{
		LeaseMeta: metav1.ObjectMeta{Namespace: cmp.Or(e.Namespace, metav1.NamespaceSystem), Name: e.Name}, Client: client,
		LockConfig: resourcelock.ResourceLockConfig{Identity: e.Identity, EventRecorder: events},
	}
	logger := logr.FromContextOrDiscard(ctx).WithValues("lease", e.Name)
	for ctx.Err() == nil {
		lost, err := e.term(ctx, lock, lead)
		if !lost {
			return err
		}
		logger.Info("Lost the lease; what it stands for has stopped and waits for it", "err", err)
	}
	return nil
}

// term waits for the lease and leads until it is lost, ctx ends, or what is led ends by itself.
func (e *Election) term(ctx context.Context, lock resourcelock.Interface, lead func(context.Context) error) (lost bool, err error) {
	// The elector outlives ctx: the lease is held until what is led has ended.
	electing, end := context.WithCancel(logr.NewContext(context.WithoutCancel(ctx), logr.FromContextOrDiscard(ctx).V(1)))
	defer end()
	started := make(chan context.Context, 1)
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: e.Terms.Lease, RenewDeadline: e.Terms.Renew, RetryPeriod: e.Terms.Retry, Name: e.Name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(leading context.Context) { started <- leading }, OnStoppedLeading: func() {},
		},
	})
	if err != nil {
		return false, fmt.Errorf("standing for election: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		elector.Run(electing)
	}()
	select {
	case <-ctx.Done():
	case leading := <-started:
		run, stop := context.WithCancel(logr.NewContext(leading, logr.FromContextOrDiscard(ctx)))
		stopping := context.AfterFunc(ctx, stop)
		logr.FromContextOrDiscard(ctx).Info("Leading", "lease", e.Name)
		err = lead(run)
		stopping()
		stop()
		lost = leading.Err() != nil && ctx.Err() == nil
	}
	end()
	<-done
	if !lost {
		e.release(context.WithoutCancel(ctx), lock)
		return false, err
	}
	return true, err
}

// release lets another have the lease at once. Whoever cannot be told so waits for its end.
func (e *Election) release(ctx context.Context, lock resourcelock.Interface) {
	ctx, cancel := context.WithTimeout(ctx, e.Terms.Renew)
	defer cancel()
	var err error
	for range 5 {
		var held *resourcelock.LeaderElectionRecord
		if held, _, err = lock.Get(ctx); err != nil || held.HolderIdentity != e.Identity {
			break
		}
		released := *held
		released.HolderIdentity, released.LeaseDurationSeconds, released.RenewTime = "", 1, metav1.Now()
		if err = lock.Update(ctx, released); !apierrors.IsConflict(err) { // with the last renewal, which nobody waits for
			break
		}
	}
	if err != nil {
		logr.FromContextOrDiscard(ctx).V(1).Info("Giving up the lease failed", "lease", e.Name, "err", err)
	}
}
