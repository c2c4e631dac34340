package cluster

import (
	"context"
	"os"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/cluster/election"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
)

// seat is a Lease, who asks for it, and who tells of it if that is not its name.
type seat struct {
	lease     string
	who       user.Info
	component string
}

// The names are upstream's.
func controllerSeat() seat { return seat{lease: "kube-controller-manager", who: identity.Manager()} }
func cloudControllerSeat() seat {
	return seat{lease: "cloud-controller-manager", who: identity.Server()}
}
func schedulerSeat() seat {
	return seat{lease: "kube-scheduler", who: identity.Scheduler(), component: corev1.DefaultSchedulerName}
}

// led is a part that only one server may run. Where there may be others it waits for a lease and has informers of its own, which end with
// the lease; otherwise it is what prepare makes, on the informers that all share.
func (c *controlPlane) led(ctx context.Context, shared cache.Cache, on seat, prepare func(context.Context, cache.Cache) (parts.Part, error)) (parts.Part, error) {
	if !c.options.Elects() {
		return prepare(ctx, shared)
	}
	next := func(ctx context.Context) (*parts.All, error) {
		own, err := c.newCache()
		if err != nil {
			return nil, err
		}
		part, err := prepare(ctx, own)
		return &parts.All{Caches: []cache.Cache{own}, Parts: []parts.Part{part}}, err
	}
	first, err := next(ctx) // what is wrong with it is known at the start
	if err != nil {
		return parts.Part{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		return parts.Part{}, err
	}
	name := first.Parts[0].Name
	e := &election.Election{Config: c.inProcess.Config(on.who), Name: on.lease, Identity: host + "_" + uuid.NewString(), Component: on.component, Terms: c.options.Terms()}
	return parts.Part{Name: name, Run: func(ctx context.Context) error {
		return e.Run(ctx, func(ctx context.Context) (err error) {
			term := first
			if first = nil; term == nil {
				if term, err = next(ctx); err != nil {
					return err
				}
			}
			return term.Run(ctx)
		})
	}}, nil
}
