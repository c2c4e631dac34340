package daemonset

import (
	"context"
	"fmt"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// boards remember the board of each daemon set, and which of its places have changed since it was last looked at.
type boards struct {
	mu  sync.Mutex
	all map[types.NamespacedName]*kept
}

// kept is the board of a daemon set. Only the reconcile of that touches the board; the changes are guarded by the boards' mu.
type kept struct {
	uid        types.UID
	generation int64
	board      *board

	whole   bool // all places have to be looked at
	changed map[string]struct{}
}

func newBoards() *boards { return &boards{all: map[types.NamespacedName]*kept{}} }

// of returns what is kept of a set.
func (b *boards) of(set *appsv1.DaemonSet) *kept {
	b.mu.Lock()
	defer b.mu.Unlock()
	name := client.ObjectKeyFromObject(set)
	k := b.all[name]
	if k == nil || k.uid != set.UID {
		k = &kept{uid: set.UID, whole: true, changed: map[string]struct{}{}}
		b.all[name] = k
	}
	return k
}

// forget drops what is kept of a set that is gone.
func (b *boards) forget(set client.Object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if name := client.ObjectKeyFromObject(set); b.all[name] != nil && b.all[name].uid == set.GetUID() {
		delete(b.all, name)
	}
}

// node notes that a node is not what it was.
func (b *boards) node(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, k := range b.all {
		k.changed[name] = struct{}{}
	}
}

// pod notes that a pod is not what it was, or gone.
func (b *boards) pod(obj client.Object) {
	pod, ok := obj.(*corev1.Pod)
	ref := metav1.GetControllerOfNoCopy(obj)
	if !ok || ref == nil || ref.Kind != kind.Kind {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k := b.all[types.NamespacedName{Namespace: pod.Namespace, Name: ref.Name}]; k != nil && k.uid == ref.UID {
		k.changed[nodeOf(pod)] = struct{}{}
	}
}

// orphan notes that there is a pod which sets may adopt.
func (b *boards) orphan(sets []types.NamespacedName) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, name := range sets {
		if k := b.all[name]; k != nil {
			k.whole = true
		}
	}
}

// changes takes what has changed. What could not be looked at after all is given back.
func (b *boards) changes(k *kept) (whole bool, names map[string]struct{}, giveBack func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	whole, names = k.whole, k.changed
	k.whole, k.changed = false, map[string]struct{}{}
	return whole, names, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		k.whole = true
	}
}

// look brings the board of a set up to date.
func (c *Controller) look(ctx context.Context, owner podcontrol.Owner, set *appsv1.DaemonSet, hash string, now time.Time) (*board, error) {
	k := c.boards.of(set)
	whole, names, giveBack := c.boards.changes(k)
	var err error
	if whole = whole || k.board == nil || k.generation != set.Generation || k.board.rules.hash != hash; !whole {
		for name, at := range k.board.due {
			if !now.Before(at.due) {
				names[name] = struct{}{}
			}
		}
		whole, err = c.lookAt(ctx, k, owner, names, now)
	}
	if whole {
		err = c.lookAtAll(ctx, k, owner, set, hash, now)
	}
	if err != nil {
		giveBack()
		return nil, err
	}
	return k.board, nil
}

// lookAtAll looks at all places, and adopts and releases pods.
func (c *Controller) lookAtAll(ctx context.Context, k *kept, owner podcontrol.Owner, set *appsv1.DaemonSet, hash string, now time.Time) error {
	pods, err := c.Claimer.Pods(ctx, owner)
	if err != nil {
		return err
	}
	var nodes corev1.NodeList
	if err := c.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return fmt.Errorf("listing nodes: %w", err)
	}
	for i, pod := range pods {
		pods[i] = c.shared(ctx, pod)
	}
	k.generation, k.board = set.Generation, fullBoard(rulesOf(set, hash), nodes.Items, pods, now)
	return nil
}

// fullBoard is the board of these nodes and pods.
func fullBoard(r *rules, nodes []corev1.Node, pods []*corev1.Pod, now time.Time) *board {
	b := newBoard(r)
	on := map[string][]*corev1.Pod{}
	for _, pod := range pods {
		on[nodeOf(pod)] = append(on[nodeOf(pod)], pod)
	}
	for i := range nodes {
		b.put(nodes[i].Name, &nodes[i], on[nodes[i].Name], now)
		delete(on, nodes[i].Name)
	}
	for name, left := range on {
		b.put(name, nil, left, now)
	}
	return b
}

// lookAt looks at some places. It says whether all have to be looked at, because there is a pod to release.
func (c *Controller) lookAt(ctx context.Context, k *kept, owner podcontrol.Owner, names map[string]struct{}, now time.Time) (all bool, err error) {
	for name := range names {
		var list corev1.PodList
		err := c.Client.List(ctx, &list, client.InNamespace(owner.Object.GetNamespace()),
			client.MatchingFields{placeIndex: placeKey(owner.Object.GetUID(), name)}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return false, fmt.Errorf("listing pods of a node: %w", err)
		}
		pods := make([]*corev1.Pod, len(list.Items))
		for i := range list.Items {
			if pods[i] = c.shared(ctx, &list.Items[i]); !owner.Selector.Matches(labels.Set(pods[i].Labels)) {
				return true, nil
			}
		}
		node := &corev1.Node{}
		if err := c.Client.Get(ctx, client.ObjectKey{Name: name}, node); name == "" || apierrors.IsNotFound(err) {
			node = nil
		} else if err != nil {
			return false, fmt.Errorf("reading node: %w", err)
		}
		k.board.put(name, node, pods, now)
	}
	return false, nil
}

// placeIndex is the field index of daemon pods by their set and place.
const placeIndex = "daemonset.place"

func placeKey(set types.UID, node string) string { return string(set) + "/" + node }

func indexByPlace(ctx context.Context, mgr manager.Manager) error {
	return kit.Index(ctx, mgr, &corev1.Pod{}, placeIndex, func(obj client.Object) []string {
		pod, ok := obj.(*corev1.Pod)
		ref := metav1.GetControllerOfNoCopy(obj)
		if !ok || ref == nil || ref.Kind != kind.Kind {
			return nil
		}
		return []string{placeKey(ref.UID, nodeOf(pod))}
	})
}

// noting tells boards of pods before anybody else hears of them.
type noting struct {
	handler.EventHandler
	boards *boards
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Create implements handler.EventHandler.
func (n noting) Create(ctx context.Context, e event.CreateEvent, q queue) {
	n.boards.pod(e.Object)
	n.EventHandler.Create(ctx, e, q)
}

// Update implements handler.EventHandler.
func (n noting) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	n.boards.pod(e.ObjectOld)
	n.boards.pod(e.ObjectNew)
	n.EventHandler.Update(ctx, e, q)
}

// Delete implements handler.EventHandler.
func (n noting) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	n.boards.pod(e.Object)
	n.EventHandler.Delete(ctx, e, q)
}
