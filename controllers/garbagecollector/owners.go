package garbagecollector

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// conflictDelay lets the change that beat us arrive in the graph.
const conflictDelay = 20 * time.Millisecond

// owners are the references of an object by what became of the owner: it stays, is gone,
// or is itself waiting for its dependents to be deleted.
type owners struct {
	solid, dangling, waiting []metav1.OwnerReference
}

// classify finds out what became of each owner of n. One that cannot be looked up counts
// as staying.
func (c *Controller) classify(ctx context.Context, n *node, refs []metav1.OwnerReference) (owners, error) {
	var out owners
	for _, ref := range refs {
		state, err := c.stateOf(ctx, n, ref)
		if err != nil {
			return owners{}, err
		}
		switch state {
		case absent:
			out.dangling = append(out.dangling, ref)
		case waiting:
			out.waiting = append(out.waiting, ref)
		default:
			out.solid = append(out.solid, ref)
		}
	}
	return out, nil
}

// ownerState says what a reference to an owner is worth.
type ownerState int

const (
	solid   ownerState = iota // the owner is there, or nobody can say that it is not
	absent                    // it is gone
	waiting                   // it is being deleted, and waits for what it owns
)

// stateOf looks at the graph first, and asks the API server where the graph does not know the owner.
func (c *Controller) stateOf(ctx context.Context, n *node, ref metav1.OwnerReference) (ownerState, error) {
	known := c.graph.get(ref.UID)
	if known != nil && known.matches(ref, n.namespace) {
		if known.deleting && known.foreground {
			return waiting, nil
		}
		return solid, nil // if that is stale, its delete event brings us back
	}
	gv, err := schema.ParseGroupVersion(ref.APIVersion)
	if err != nil {
		return solid, nil // nobody can say
	}
	id, err := c.ownerIdentity(gv.WithKind(ref.Kind), n.namespace, ref.Name)
	switch {
	case meta.IsNoMatchError(err):
		c.remember(n.uid)
		return solid, nil
	case errors.Is(err, errNamespacedOwner):
		c.complainNamespace(n, ref)
		return solid, nil
	case err != nil:
		return solid, err
	}
	if known != nil && known.namespace != "" && known.namespace != n.namespace {
		c.complainNamespace(n, ref)
	}
	return c.liveState(ctx, ref, id)
}

// liveState believes that an owner is absent only of the API server, and remembers that.
func (c *Controller) liveState(ctx context.Context, ref metav1.OwnerReference, id identity) (ownerState, error) {
	if c.graph.isAbsent(ref.UID, id) {
		return absent, nil
	}
	live, err := c.get(ctx, id)
	if apierrors.IsNotFound(err) || (err == nil && live.UID != ref.UID) {
		c.graph.noteAbsent(ref.UID, id)
		return absent, nil
	}
	if err != nil {
		return solid, fmt.Errorf("reading owner %s %s: %w", ref.Kind, ref.Name, err)
	}
	if live.DeletionTimestamp != nil && slices.Contains(live.Finalizers, metav1.FinalizerDeleteDependents) {
		return waiting, nil
	}
	return solid, nil
}

// errNamespacedOwner is a reference from a cluster-scoped object to a namespaced kind.
var errNamespacedOwner = errors.New("cluster-scoped objects cannot have namespaced owners")

func (c *Controller) ownerIdentity(gvk schema.GroupVersionKind, namespace, name string) (identity, error) {
	mapping, err := c.Client.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return identity{}, err
	}
	id := identity{gvk: gvk, name: name}
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if namespace == "" {
			return identity{}, errNamespacedOwner
		}
		id.namespace = namespace
	}
	return id, nil
}

// complainNamespace reports an owner that cannot be where the reference looks for it.
func (c *Controller) complainNamespace(n *node, ref metav1.OwnerReference) {
	involved := &corev1.ObjectReference{
		Kind: n.gvk.Kind, APIVersion: n.gvk.GroupVersion().String(), Namespace: n.namespace, Name: n.name, UID: n.uid,
	}
	described := fmt.Sprintf("[%s/%s, namespace: %s, name: %s, uid: %s]", ref.APIVersion, ref.Kind, n.namespace, ref.Name, ref.UID)
	c.Recorder.Eventf(involved, corev1.EventTypeWarning, "OwnerRefInvalidNamespace", "ownerRef %s does not exist in namespace %q", described, n.namespace)
}

// remember keeps an object whose owner's kind is unknown, to be looked at when the
// served kinds change.
func (c *Controller) remember(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.unresolved[uid] = struct{}{}
}

// takeUnresolved returns what remember kept.
func (c *Controller) takeUnresolved() []types.UID {
	c.mu.Lock()
	defer c.mu.Unlock()
	var uids []types.UID
	for uid := range c.unresolved {
		uids = append(uids, uid)
	}
	clear(c.unresolved)
	return uids
}

func (g *graph) noteAbsent(uid types.UID, id identity) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.absent.add(absence{uid, id.gvk.GroupKind(), id.namespace, id.name})
}

func (c *Controller) get(ctx context.Context, id identity) (*metav1.PartialObjectMetadata, error) {
	obj := &metav1.PartialObjectMetadata{}
	obj.SetGroupVersionKind(id.gvk)
	err := c.Live.Get(ctx, client.ObjectKey{Namespace: id.namespace, Name: id.name}, obj)
	return obj, err
}

// read returns the object as the API server has it now; nil when it is gone or another
// object has its name.
func (c *Controller) read(ctx context.Context, n *node) (*metav1.PartialObjectMetadata, error) {
	live, err := c.get(ctx, n.identity)
	if apierrors.IsNotFound(err) || (err == nil && live.UID != n.uid) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", n.gvk.Kind, n.name, err)
	}
	return live, nil
}

func (c *Controller) delete(ctx context.Context, n *node, live *metav1.PartialObjectMetadata, policy metav1.DeletionPropagation) error {
	obj := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: n.name}}
	obj.SetGroupVersionKind(n.gvk)
	err := c.Client.Delete(ctx, obj, client.PropagationPolicy(policy),
		client.Preconditions{UID: &live.UID, ResourceVersion: &live.ResourceVersion})
	if err != nil {
		return fmt.Errorf("deleting %s %s: %w", n.gvk.Kind, n.name, err)
	}
	return nil
}

func (c *Controller) dropOwners(ctx context.Context, n *node, drop func(metav1.OwnerReference) bool) error {
	return c.patchOwners(ctx, n, func(refs []metav1.OwnerReference) []metav1.OwnerReference {
		return slices.DeleteFunc(refs, drop)
	})
}

func (c *Controller) patchOwners(ctx context.Context, n *node, mutate func([]metav1.OwnerReference) []metav1.OwnerReference) error {
	live, err := c.read(ctx, n)
	if err != nil || live == nil {
		return err
	}
	refs := mutate(slices.Clone(live.OwnerReferences))
	if slices.EqualFunc(refs, live.OwnerReferences, sameRef) {
		return nil
	}
	return c.patch(ctx, n, live, "ownerReferences", refs)
}

func (c *Controller) removeFinalizer(ctx context.Context, n *node, finalizer string) error {
	live, err := c.read(ctx, n)
	if err != nil || live == nil || !slices.Contains(live.Finalizers, finalizer) {
		return err
	}
	rest := slices.DeleteFunc(slices.Clone(live.Finalizers), func(f string) bool { return f == finalizer })
	return c.patch(ctx, n, live, "finalizers", rest)
}

// patch replaces one list of the metadata under the optimistic lock.
func (c *Controller) patch(ctx context.Context, n *node, live *metav1.PartialObjectMetadata, field string, value any) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"resourceVersion": live.ResourceVersion, "uid": live.UID, field: value,
	}})
	if err != nil {
		return fmt.Errorf("encoding patch: %w", err)
	}
	obj := &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Namespace: n.namespace, Name: n.name}}
	obj.SetGroupVersionKind(n.gvk)
	if err := c.Client.Patch(ctx, obj, client.RawPatch(types.MergePatchType, body)); err != nil {
		return fmt.Errorf("patching %s of %s %s: %w", field, n.gvk.Kind, n.name, err)
	}
	return nil
}
