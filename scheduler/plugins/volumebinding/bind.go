package volumebinding

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/component-helpers/storage/volume"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
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
	if err := p.listen(ctx); err != nil {
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

// listen has the bells rung.
func (p *Plugin) listen(ctx context.Context) error {
	p.mu.Lock()
	if p.lost.Rings == nil {
		p.lost.Rings = func(old, now any) bool {
			before, ok := old.(*corev1.PersistentVolume)
			v, same := now.(*corev1.PersistentVolume)
			return ok && same && before.Spec.ClaimRef != nil && v.Spec.ClaimRef == nil
		}
	}
	p.mu.Unlock()
	if err := p.bell.Listen(ctx, p.Informers, &corev1.PersistentVolumeClaim{}); err != nil {
		return err
	}
	return p.lost.Listen(ctx, p.Informers, &corev1.PersistentVolume{})
}

func (p *Plugin) write(ctx context.Context, c *choice, node string) error {
	for i := range c.bindings {
		written := c.bindings[i].volume.DeepCopy()
		if err := p.Client.Update(ctx, written); err != nil {
			return err
		}
		c.bindings[i].written = written.ResourceVersion
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
		changed, lost := p.bell.Next(), p.lost.Next()
		done, err := p.done(ctx, c, node)
		if done || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("timed out waiting for the condition: %w", ctx.Err())
		case <-changed:
		case <-lost:
		}
	}
}

func (p *Plugin) done(ctx context.Context, c *choice, node string) (bool, error) {
	all := true
	for _, b := range c.bindings {
		usable, err := p.checkBinding(ctx, b, node)
		if err != nil {
			return false, err
		}
		all = all && usable
	}
	for _, claim := range c.provisions {
		usable, err := p.checkProvisioning(ctx, claim, c.node)
		if err != nil {
			return false, err
		}
		all = all && usable
	}
	return all, nil
}

// checkBinding says whether a claim is bound to the volume that was chosen for it.
func (p *Plugin) checkBinding(ctx context.Context, b binding, node string) (bool, error) {
	v, err := volumes.Volume(ctx, p.Client, b.volume.Name)
	if err == nil && v == nil {
		err = apierrors.NewNotFound(corev1.Resource("persistentvolumes"), b.volume.Name)
	}
	if err != nil {
		return false, fmt.Errorf("failed to check binding: %w", err)
	}
	if v.Spec.ClaimRef == nil && shows(v, b.written) {
		return false, fmt.Errorf("ClaimRef got reset for pv %q", v.Name)
	}
	now, err := p.read(ctx, b.claim)
	if err != nil {
		return false, fmt.Errorf("failed to check binding: %w", err)
	}
	if got := now.Spec.VolumeName; got != "" && got != b.volume.Name {
		return false, fmt.Errorf("PVC %q was bound to volume %q, which was not chosen for node %q", now.Name, got, node)
	}
	return isUsable(now), nil
}

// checkProvisioning says whether a claim has got a volume that can be used on the node.
func (p *Plugin) checkProvisioning(ctx context.Context, claim *corev1.PersistentVolumeClaim, node *corev1.Node) (bool, error) {
	now, err := p.read(ctx, claim)
	if err != nil {
		return false, fmt.Errorf("failed to check provisioning pvc: %w", err)
	}
	if old := now.ResourceVersion == claim.ResourceVersion; !old && now.Annotations[volume.AnnSelectedNode] != node.Name {
		return false, fmt.Errorf("provisioning failed for PVC %q", now.Name)
	}
	if !isUsable(now) {
		return false, nil
	}
	v, err := volumes.Volume(ctx, p.Client, now.Spec.VolumeName)
	if err != nil || v == nil { // it is shown later
		return false, err
	}
	reached, err := p.reaches(ctx, reachOf(v), node)
	if err == nil && !reached {
		err = fmt.Errorf("pv %q node affinity doesn't match node %q: no matching NodeSelectorTerms", v.Name, node.Name)
	}
	return reached, err
}

func (p *Plugin) read(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*corev1.PersistentVolumeClaim, error) {
	key, now := client.ObjectKeyFromObject(claim), &corev1.PersistentVolumeClaim{}
	err := p.Client.Get(ctx, key, now)
	if apierrors.IsNotFound(err) {
		err = apierrors.NewNotFound(corev1.Resource("persistentvolumeclaims"), key.String())
	}
	return now, err
}

// shows says whether a volume is as it was written, or newer.
func shows(v *corev1.PersistentVolume, written string) bool {
	newer, err := resourceversion.CompareResourceVersion(v.ResourceVersion, written)
	return err == nil && newer >= 0
}

// isUsable says whether a claim is bound and says so in its status, too, which comes last and is what kubelets look at.
func isUsable(claim *corev1.PersistentVolumeClaim) bool {
	return isBound(claim) && claim.Status.Phase == corev1.ClaimBound
}
