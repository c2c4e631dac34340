package dynamicresources

import (
	"context"
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apimeta "k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Drivers say of some devices that they must be made ready for the node before a pod can use them, by the names of conditions which they set in
// the claim's status: all of the binding conditions, or, if that does not succeed, any of the failure conditions.

// readiness of the devices of a claim.
type readiness struct {
	waits  bool // not all are ready
	failed *metav1.Condition
	// drivers of the devices that need to be made ready.
	drivers sets.Set[string]
}

func readinessOf(claim *resourcev1.ResourceClaim) readiness {
	r := readiness{}
	if claim.Status.Allocation == nil {
		return r
	}
	for i := range claim.Status.Allocation.Devices.Results {
		device := &claim.Status.Allocation.Devices.Results[i]
		if len(device.BindingConditions) == 0 {
			continue
		}
		if r.drivers == nil {
			r.drivers = sets.New[string]()
		}
		r.drivers.Insert(device.Driver)
		conditions := conditionsOf(claim, device)
		for _, name := range device.BindingFailureConditions {
			if apimeta.IsStatusConditionTrue(conditions, name) {
				r.failed = apimeta.FindStatusCondition(conditions, name)
			}
		}
		for _, name := range device.BindingConditions {
			r.waits = r.waits || !apimeta.IsStatusConditionTrue(conditions, name)
		}
	}
	return r
}

// conditionsOf a device are those that its driver has written.
func conditionsOf(claim *resourcev1.ResourceClaim, device *resourcev1.DeviceRequestAllocationResult) []metav1.Condition {
	share := func(id *types.UID) string {
		if id == nil {
			return ""
		}
		return string(*id)
	}
	for i := range claim.Status.Devices {
		d := &claim.Status.Devices[i]
		var id string
		if d.ShareID != nil {
			id = *d.ShareID
		}
		if d.Driver == device.Driver && d.Pool == device.Pool && d.Device == device.Device && id == share(device.ShareID) {
			return d.Conditions
		}
	}
	return nil
}

// isBroken says of an allocated claim that its devices cannot be made ready, or not in time.
func (p *Plugin) isBroken(claim *resourcev1.ResourceClaim) bool {
	r := readinessOf(claim)
	since := claim.Status.Allocation.AllocationTimestamp
	return r.failed != nil || r.waits && since != nil && p.Clock.Since(since.Time) >= p.BindingTimeout
}

// errChanged is a claim that somebody has taken from the pod while it waits.
var errChanged = errors.New("the claim's allocation was changed meanwhile")

// await returns when the devices of all claims are ready.
func (p *Plugin) await(ctx context.Context, n *needs, pod *corev1.Pod, node string) *fwk.Status {
	all := n.claims
	if n.made != nil {
		all = append(slices.Clone(all), n.made)
	}
	var claims []*resourcev1.ResourceClaim
	drivers := sets.New[string]()
	for _, claim := range all {
		if of := readinessOf(p.latest(claim)).drivers; len(of) > 0 {
			claims, drivers = append(claims, claim), drivers.Union(of)
		}
	}
	if len(claims) == 0 {
		return nil
	}
	if err := p.bell.Listen(ctx, p.Informers, &resourcev1.ResourceClaim{}); err != nil {
		return fwk.AsStatus(err)
	}
	began := p.Clock.Now()
	err := p.wait(ctx, claims, pod, node)
	p.Metrics.Readied(p.Handle.ProfileName(), sets.List(drivers), outcome(err), p.Clock.Since(began))
	if err != nil {
		return fwk.AsStatus(err)
	}
	return nil
}

// outcome of waiting, as metrics call it.
func outcome(err error) string {
	switch {
	case err == nil:
		return "success"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "failure"
}

// latest is the claim as PreBind has written it, or as it has become since.
func (p *Plugin) latest(claim *resourcev1.ResourceClaim) *resourcev1.ResourceClaim {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a, ok := p.assumed[claim.UID]; ok {
		return a.claim
	}
	return claim
}

func (p *Plugin) wait(ctx context.Context, claims []*resourcev1.ResourceClaim, pod *corev1.Pod, node string) error {
	ctx, cancel := context.WithTimeout(ctx, p.BindingTimeout)
	defer cancel()
	for told := false; ; told = true {
		changed := p.bell.Next()
		ready, err := p.ready(ctx, claims)
		if ready || err != nil {
			return err
		}
		if !told {
			p.Handle.EventRecorder().Eventf(pod, nil, corev1.EventTypeNormal, "BindingConditionsPending", "Scheduling", "waiting for binding conditions for device on node %s", node)
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("device binding timeout: %w", ctx.Err())
			}
			return ctx.Err()
		case <-changed:
		}
	}
}

// ready says whether the devices of all claims are ready. A claim that informers show as it was before it was allocated is still to come.
func (p *Plugin) ready(ctx context.Context, claims []*resourcev1.ResourceClaim) (bool, error) {
	ready := true
	for _, claim := range claims {
		now := &resourcev1.ResourceClaim{}
		err := p.Client.Get(ctx, client.ObjectKeyFromObject(claim), now)
		if client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("reading the claim %s: %w", claim.Name, err)
		}
		if err == nil && now.UID == claim.UID {
			now, _ = p.view(now)
		}
		r := readinessOf(now)
		switch {
		case now.UID != claim.UID && p.isAssumed(claim.UID):
			ready = false
		case now.UID != claim.UID || now.Status.Allocation == nil:
			return false, fmt.Errorf("claim=%s: %w", claim.Name, errChanged)
		case r.failed != nil:
			return false, fmt.Errorf("device binding failed: claim=%s, reason=%s, message=%q", claim.Name, r.failed.Reason, r.failed.Message)
		case r.waits:
			ready = false
		}
	}
	return ready, nil
}

func (l *Ledger) isAssumed(uid types.UID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, ok := l.assumed[uid]
	return ok
}
