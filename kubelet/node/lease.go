package node

import (
	"context"
	"fmt"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	leaseDuration = 40 * time.Second
	renewEvery    = leaseDuration / 4
)

// Lease renews the node's lease. Its exported fields are inputs.
type Lease struct {
	Client client.Client
	Clock  clock.WithTicker
	Name   string
	// Node returns the node that owns the lease, or nil before it is known.
	Node func() *corev1.Node

	last *coordinationv1.Lease
}

// Run renews the lease until ctx ends. A failed renewal is tried again soon, never given up.
func (l *Lease) Run(ctx context.Context) error {
	for {
		wait := renewEvery
		if err := l.renew(ctx); err != nil {
			if ctx.Err() != nil {
				return nil
			}
			log.FromContext(ctx).Info("renewing the node's lease failed", "error", err.Error())
			wait, l.last = time.Second, nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.Clock.After(wait):
		}
	}
}

func (l *Lease) renew(ctx context.Context) error {
	if l.last != nil {
		next := l.last.DeepCopy()
		l.fill(next)
		if err := l.Client.Update(ctx, next); err == nil {
			l.last = next
			return nil
		}
	}
	have := &coordinationv1.Lease{}
	err := l.Client.Get(ctx, client.ObjectKey{Namespace: corev1.NamespaceNodeLease, Name: l.Name}, have)
	if apierrors.IsNotFound(err) {
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: l.Name}}
		l.fill(lease)
		if err := l.Client.Create(ctx, lease); err != nil {
			return fmt.Errorf("creating the lease: %w", err)
		}
		l.last = lease
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the lease: %w", err)
	}
	next := have.DeepCopy()
	l.fill(next)
	if err := l.Client.Update(ctx, next); err != nil {
		return fmt.Errorf("updating the lease: %w", err)
	}
	l.last = next
	return nil
}

func (l *Lease) fill(lease *coordinationv1.Lease) {
	seconds := int32(leaseDuration / time.Second)
	now := metav1.NewMicroTime(l.Clock.Now())
	name := l.Name
	lease.Spec.HolderIdentity, lease.Spec.LeaseDurationSeconds, lease.Spec.RenewTime = &name, &seconds, &now
	if node := l.Node(); node != nil && node.UID != "" && len(lease.OwnerReferences) == 0 {
		lease.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}
	}
}
