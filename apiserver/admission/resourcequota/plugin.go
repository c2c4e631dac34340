package resourcequota

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

var quotas = schema.GroupResource{Resource: "resourcequotas"}

// attempts is how often a charge is tried again after another writer was first.
const attempts = 10

// StatusWriter stores the status of a quota if nobody has written it since (its resourceVersion), else it returns a
// conflict.
type StatusWriter interface {
	UpdateStatus(ctx context.Context, quota *corev1.ResourceQuota) error
}

// Plugin is ResourceQuota.
type Plugin struct {
	Lister admission.Lister
	Writer StatusWriter
	// Limited is what needs a quota.
	Limited []Limited

	// locks order the charges of a namespace within this process, so that they seldom conflict.
	locks [64]sync.Mutex
	seed  maphash.Seed
	once  sync.Once
}

// Validate implements admission.Validator. It must be the last one asked.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if !a.Resource.Namespaced || a.Namespace == "" || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	if a.Subresource != "" && !a.Is(pods, "resize", admission.Update) {
		return nil
	}
	known := auth.List[*corev1.ResourceQuota](p.Lister, quotas, a.Namespace)
	if len(known)+len(p.Limited) == 0 {
		return nil
	}
	delta := usageOf(a.GroupResource(), a.Object)
	if a.Operation == admission.Update {
		delta = subtract(delta, usageOf(a.GroupResource(), a.Old))
	}
	if len(delta) == 0 {
		return nil
	}
	if len(p.Limited) > 0 {
		if err := p.unlimited(a, delta, known); err != nil || len(known) == 0 {
			return err
		}
	}
	lock := p.lock(a.Namespace)
	lock.Lock()
	defer lock.Unlock()
	return p.charge(ctx, a, delta)
}

func (p *Plugin) lock(namespace string) *sync.Mutex {
	p.once.Do(func() { p.seed = maphash.MakeSeed() })
	return &p.locks[maphash.String(p.seed, namespace)%uint64(len(p.locks))]
}

// charge checks all quotas before it charges the first. After a conflict it looks again at those that are not charged yet.
func (p *Plugin) charge(ctx context.Context, a *admission.Attributes, delta corev1.ResourceList) error {
	charged := map[string]bool{}
	for range attempts {
		bills, err := p.bills(a, delta, charged)
		if err != nil {
			return err
		}
		if a.DryRun {
			return nil
		}
		conflict := false
		for _, bill := range bills {
			err := p.Writer.UpdateStatus(ctx, bill)
			if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
				conflict = true
				break
			}
			if err != nil {
				return apierrors.NewInternalError(fmt.Errorf("charging quota %s: %w", bill.Name, err))
			}
			charged[bill.Name] = true
		}
		if !conflict {
			return nil
		}
		if err := p.Lister.Sync(ctx); err != nil {
			return apierrors.NewInternalError(err)
		}
	}
	return apierrors.NewConflict(quotas, a.Namespace, errors.New("the quota was changed again and again while it was charged"))
}

// bills returns the quotas as they are when the request is charged, or the refusal.
func (p *Plugin) bills(a *admission.Attributes, delta corev1.ResourceList, charged map[string]bool) ([]*corev1.ResourceQuota, error) {
	var bills, open []*corev1.ResourceQuota
	for _, quota := range auth.List[*corev1.ResourceQuota](p.Lister, quotas, a.Namespace) {
		if charged[quota.Name] || !inScope(quota, a) {
			continue
		}
		if missing := unspecified(quota, a); missing != "" {
			return nil, admission.Forbidden(a, fmt.Errorf("failed quota: %s: must specify %s", quota.Name, missing))
		}
		open = append(open, quota)
	}
	for _, quota := range open {
		requested := mask(delta, quota.Status.Hard) // a quota holds from its controller's first look at it on, as upstream
		if len(requested) == 0 {
			continue
		}
		if unknown := without(requested, quota.Status.Used); len(unknown) > 0 {
			return nil, admission.Forbidden(a, fmt.Errorf("status unknown for quota: %s, resources: %s", quota.Name, strings.Join(unknown, ",")))
		}
		used := add(quota.Status.Used, requested)
		if over := exceeded(used, quota.Status.Hard, requested); len(over) > 0 {
			return nil, admission.Forbidden(a, fmt.Errorf("exceeded quota: %s, requested: %s, used: %s, limited: %s",
				quota.Name, show(requested, over), show(quota.Status.Used, over), show(quota.Status.Hard, over)))
		}
		bill := quota.DeepCopy()
		bill.Status.Used = used
		bills = append(bills, bill)
	}
	return bills, nil
}
