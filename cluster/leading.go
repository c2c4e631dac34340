package cluster

import (
	"context"
	"os"

	"github.com/google/uuid"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/cluster/election"
)

// seat is a Lease, who asks for it, and who tells of it if that is not its name.
type seat struct {
	lease     string
	who       user.Info
	component string
}

// The names are upstream's.
func controllerSeat() seat { return seat{lease: "kube-controller-manager", who: managerIdentity()} }
func cloudControllerSeat() seat {
	return seat{lease: "cloud-controller-manager", who: serverIdentity()}
}
func schedulerSeat() seat {
	return seat{"kube-scheduler", schedulerIdentity(), corev1.DefaultSchedulerName}
}

// led is a part that only one server may run. Where there may be others it waits for a lease and has informers of its own, which end with
// the lease; otherwise it is what prepare makes, on the informers that all share.
func (c *controlPlane) led(ctx context.Context, shared cache.Cache, on seat, prepare func(context.Context, cache.Cache) (component, error)) (component, error) {
	if !c.options.Elects() {
		return prepare(ctx, shared)
	}
	next := func(ctx context.Context) (*parts, error) {
		own, err := c.newCache()
		if err != nil {
			return nil, err
		}
		part, err := prepare(ctx, own)
		return &parts{caches: []cache.Cache{own}, components: []component{part}}, err
	}
	first, err := next(ctx) // what is wrong with it is known at the start
	if err != nil {
		return component{}, err
	}
	host, err := os.Hostname()
	if err != nil {
		return component{}, err
	}
	name := first.components[0].name
	e := &election.Election{Config: c.memoryConfig(on.who), Name: on.lease, Identity: host + "_" + uuid.NewString(), Component: on.component, Terms: c.options.Terms()}
	return component{name, func(ctx context.Context) error {
		return e.Run(ctx, func(ctx context.Context) (err error) {
			term := first
			if first = nil; term == nil {
				if term, err = next(ctx); err != nil {
					return err
				}
			}
			return term.run(ctx)
		})
	}}, nil
}
