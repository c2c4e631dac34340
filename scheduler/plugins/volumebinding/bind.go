package volumebinding

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/storage/volume"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// PreBind implements fwk.PreBindPlugin: it writes what was chosen, and waits until the claims are bound.
func (p *Plugin) PreBind(ctx context.Context, cycle fwk.CycleState, _ *corev1.Pod, node string) *fwk.Status {
	c := chosen(cycle, node)
	if c == nil {
		return nil
	}
	timeout := p.Timeout
	if timeout == 0 {
		timeout = 10 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := p.bell.Listen(ctx, p.Informers, &corev1.PersistentVolumeClaim{}); err != nil {
		return fwk.AsStatus(err)
	}
	if err := p.write(ctx, c, node); err != nil {
		return fwk.AsStatus(fmt.Errorf("binding volumes: %w", err))
	}
	if err := p.await(ctx, c, node); err != nil {
		return fwk.AsStatus(fmt.Errorf("binding volumes: %w", err))
	}
	p.forget(c)
	return nil
}

func (p *Plugin) write(ctx context.Context, c *choice, node string) error {
	for _, b := range c.bindings {
		if err := p.Client.Update(ctx, b.volume.DeepCopy()); err != nil {
			return err
		}
	}
	for _, claim := range c.provisions {
		if claim.Annotations[volume.AnnSelectedNode] == node {
			continue
		}
		changed := claim.DeepCopy()
		if changed.Annotations == nil {
			changed.Annotations = map[string]string{}
		}
		changed.Annotations[volume.AnnSelectedNode] = node
		if err := p.Client.Update(ctx, changed); err != nil {
			return err
		}
	}
	return nil
}

// await returns when all claims are bound. A provisioner that gives up takes the node back.
func (p *Plugin) await(ctx context.Context, c *choice, node string) error {
	for {
		changed := p.bell.Next()
		done, err := p.done(ctx, c, node)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("timed out waiting for the condition: %w", ctx.Err())
		case <-changed:
		}
	}
}

func (p *Plugin) done(ctx context.Context, c *choice, node string) (bool, error) {
	read := func(claim *corev1.PersistentVolumeClaim) (*corev1.PersistentVolumeClaim, error) {
		now := &corev1.PersistentVolumeClaim{}
		if err := p.Client.Get(ctx, client.ObjectKeyFromObject(claim), now); err != nil {
			return nil, fmt.Errorf("reading claim %s/%s: %w", claim.Namespace, claim.Name, err)
		}
		return now, nil
	}
	all := true
	for _, b := range c.bindings {
		now, err := read(b.claim)
		if err != nil {
			return false, err
		}
		if got := now.Spec.VolumeName; got != "" && got != b.volume.Name {
			return false, fmt.Errorf("PVC %q was bound to volume %q, which was not chosen for node %q", now.Name, got, node)
		}
		all = all && isUsable(now)
	}
	for _, claim := range c.provisions {
		now, err := read(claim)
		if err != nil {
			return false, err
		}
		if old := now.ResourceVersion == claim.ResourceVersion; !old && now.Annotations[volume.AnnSelectedNode] != node {
			return false, fmt.Errorf("selectedNode annotation reset for PVC %q", now.Name)
		}
		all = all && isUsable(now)
	}
	return all, nil
}

// isUsable says whether a claim is bound and says so in its status, too, which comes last and is what kubelets look at.
func isUsable(claim *corev1.PersistentVolumeClaim) bool {
	return isBound(claim) && claim.Status.Phase == corev1.ClaimBound
}
