package volumebinding

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

const (
	noVolume     = "node(s) didn't find available persistent volumes to bind"
	nodeConflict = "node(s) didn't match PersistentVolume's node affinity"
	noSpace      = "node(s) did not have enough free storage"
	goneVolume   = "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"

	noProvisioner = "kubernetes.io/no-provisioner"
)

// reach of a volume that is bound to a claim: where it can be used.
type reach struct {
	gone  bool
	nodes *nodeaffinity.LazyErrorNodeSelector // nil for all
	// plugin is a driver in the tree that has moved out of it, and moved is the reach on nodes that know of that.
	plugin string
	moved  *nodeaffinity.LazyErrorNodeSelector
}

func reachOf(v *corev1.PersistentVolume) reach {
	if v == nil {
		return reach{gone: true}
	}
	r := reach{nodes: selectorOf(v)}
	if moved, plugin := intree.Moved(v); moved != nil {
		r.plugin, r.moved = plugin, selectorOf(moved)
	}
	return r
}

func selectorOf(v *corev1.PersistentVolume) *nodeaffinity.LazyErrorNodeSelector {
	if v.Spec.NodeAffinity == nil || v.Spec.NodeAffinity.Required == nil {
		return nil
	}
	return nodeaffinity.NewLazyErrorNodeSelector(v.Spec.NodeAffinity.Required)
}

// reaches a node, of which only its labels count, and which drivers it knows to have moved.
func (p *Plugin) reaches(ctx context.Context, r reach, node *corev1.Node) (bool, error) {
	nodes := r.nodes
	if r.plugin != "" {
		var info storagev1.CSINode
		if err := p.Client.Get(ctx, client.ObjectKey{Name: node.Name}, &info); client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("reading the drivers of node %s: %w", node.Name, err)
		}
		if volumes.HasMoved(&info, r.plugin) {
			nodes = r.moved
		}
	}
	if nodes == nil {
		return true, nil
	}
	ok, err := nodes.Match(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: node.Labels}})
	return ok && err == nil, nil
}

// choice is what is to be done on a node for the claims that wait.
type choice struct {
	node       *corev1.Node
	bindings   []binding
	provisions []*corev1.PersistentVolumeClaim
}

// binding of a claim to a volume; the volume shows it already.
type binding struct {
	claim  *corev1.PersistentVolumeClaim
	volume *corev1.PersistentVolume
	// written is the revision of the volume that shows it in the API; "" for none yet.
	written string
}

// choose finds what the pod's claims that wait need on a node, nil if none does, or the reasons why it cannot be had there.
func (p *Plugin) choose(ctx context.Context, n *needs, node *corev1.Node) (*choice, []string, error) {
	var reasons []string
	for _, r := range n.bound {
		if r.gone {
			reasons = add(reasons, goneVolume)
			continue
		}
		ok, err := p.reaches(ctx, r, node)
		if err != nil {
			return nil, nil, err
		}
		if !ok {
			reasons = add(reasons, nodeConflict)
		}
	}
	if len(n.late) == 0 {
		return nil, reasons, nil
	}
	c := &choice{node: node}
	var open []*corev1.PersistentVolumeClaim
	for _, claim := range n.late {
		switch selected := claim.Annotations[volume.AnnSelectedNode]; selected {
		case "":
			open = append(open, claim)
		case node.Name:
			c.provisions = append(c.provisions, claim)
		default:
			return nil, add(reasons, noVolume), nil
		}
	}
	unmatched, err := p.match(ctx, c, open, node)
	if err != nil {
		return nil, nil, err
	}
	for _, claim := range append(unmatched, c.provisions...) {
		reason, err := p.provisionable(ctx, claim, node)
		if err != nil {
			return nil, nil, err
		}
		if reason != "" {
			return nil, add(reasons, reason), nil
		}
	}
	c.provisions = append(c.provisions, unmatched...)
	return c, reasons, nil
}

func add(reasons []string, reason string) []string {
	if slices.Contains(reasons, reason) {
		return reasons
	}
	return append(reasons, reason)
}

// match gives free volumes to claims, the smallest claim first, and returns the claims for which there is none.
func (p *Plugin) match(ctx context.Context, c *choice, claims []*corev1.PersistentVolumeClaim, node *corev1.Node) ([]*corev1.PersistentVolumeClaim, error) {
	if len(claims) == 0 {
		return nil, nil
	}
	claims = slices.Clone(claims)
	slices.SortStableFunc(claims, func(a, b *corev1.PersistentVolumeClaim) int {
		first, second := a.Spec.Resources.Requests[corev1.ResourceStorage], b.Spec.Resources.Requests[corev1.ResourceStorage]
		return first.Cmp(second)
	})
	free, err := p.volumes(ctx)
	if err != nil {
		return nil, err
	}
	taken := map[string]*corev1.PersistentVolume{}
	var unmatched []*corev1.PersistentVolumeClaim
	for _, claim := range claims {
		v, err := volume.FindMatchingVolume(claim, free, node, taken, false, true)
		if err != nil {
			return nil, fmt.Errorf("finding a volume for claim %s/%s: %w", claim.Namespace, claim.Name, err)
		}
		if v == nil {
			unmatched = append(unmatched, claim)
			continue
		}
		taken[v.Name] = v
		bound, _, err := volume.GetBindVolumeToClaim(v, claim)
		if err != nil {
			return nil, err
		}
		c.bindings = append(c.bindings, binding{claim: claim, volume: bound})
	}
	return unmatched, nil
}

// volumes as they will be when what is under way has been written.
func (p *Plugin) volumes(ctx context.Context) ([]*corev1.PersistentVolume, error) {
	var list corev1.PersistentVolumeList
	if err := p.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing volumes: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]*corev1.PersistentVolume, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
		if assumed := p.assumed[all[i].Name]; assumed != nil {
			all[i] = assumed
		}
	}
	return all, nil
}

// provisionable says why no volume can be made for a claim near the node, or "".
func (p *Plugin) provisionable(ctx context.Context, claim *corev1.PersistentVolumeClaim, node *corev1.Node) (string, error) {
	class, err := volumes.Class(ctx, p.Client, claim)
	if err != nil {
		return "", err
	}
	if class == nil || class.Provisioner == "" || class.Provisioner == noProvisioner {
		return noVolume, nil
	}
	if !allowed(class.AllowedTopologies, node.Labels) {
		return noVolume, nil
	}
	enough, err := p.enoughSpace(ctx, claim, class, node)
	if err != nil || enough {
		return "", err
	}
	return noSpace, nil
}

// allowed says whether one of the terms is met, or there is none.
func allowed(terms []corev1.TopologySelectorTerm, node map[string]string) bool {
	met := func(term corev1.TopologySelectorTerm) bool {
		return !slices.ContainsFunc(term.MatchLabelExpressions, func(r corev1.TopologySelectorLabelRequirement) bool {
			value, ok := node[r.Key]
			return !ok || !slices.Contains(r.Values, value)
		})
	}
	return len(terms) == 0 || slices.ContainsFunc(terms, met)
}

// enoughSpace asks the published capacities, if the driver publishes any.
func (p *Plugin) enoughSpace(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, node *corev1.Node) (bool, error) {
	var driver storagev1.CSIDriver
	if err := p.Client.Get(ctx, client.ObjectKey{Name: class.Provisioner}, &driver); err != nil {
		return apierrors.IsNotFound(err), client.IgnoreNotFound(err)
	}
	if driver.Spec.StorageCapacity == nil || !*driver.Spec.StorageCapacity {
		return true, nil
	}
	var capacities storagev1.CSIStorageCapacityList
	if err := p.Client.List(ctx, &capacities, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing storage capacities: %w", err)
	}
	wants := claim.Spec.Resources.Requests[corev1.ResourceStorage]
	for i := range capacities.Items {
		capacity := &capacities.Items[i]
		limit := largest(capacity)
		if capacity.StorageClassName != class.Name || limit == nil || limit.Cmp(wants) < 0 || capacity.NodeTopology == nil {
			continue
		}
		if selector, err := metav1.LabelSelectorAsSelector(capacity.NodeTopology); err == nil && selector.Matches(labels.Set(node.Labels)) {
			return true, nil
		}
	}
	return false, nil
}

// largest is how large a volume may be; nil if that is not said.
func largest(capacity *storagev1.CSIStorageCapacity) *resource.Quantity {
	return cmp.Or(capacity.MaximumVolumeSize, capacity.Capacity)
}
