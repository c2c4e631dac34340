package attachdetach

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "attachdetach"

const (
	// managed is the annotation of nodes whose kubelet leaves attaching to the controller.
	managed = "volumes.kubernetes.io/controller-managed-attach-detach"
	// keepTerminated is the annotation of nodes on which pods that have ended keep their volumes.
	keepTerminated = "volumes.kubernetes.io/keep-terminated-pod-volumes"
	// unmounting is how long an unhealthy node may hold on to a volume that no pod of it uses.
	unmounting = 6 * time.Minute
	// attaching is how long a driver may take before the pods are told, and telling how often they are told again.
	attaching, telling = 2 * time.Minute, 4 * time.Minute
	// retryFirst and retryLast are how long what the API has refused is left alone: twice as long each time.
	retryFirst, retryLast = 500 * time.Millisecond, 2*time.Minute + 2*time.Second
	// soon a cache shows what it does not show yet, or a kubelet has read what it is told.
	soon = time.Second
)

// Controller reconciles the VolumeAttachments of Node objects. It has one worker: whether a volume may be attached depends on all nodes.
type Controller struct {
	Client client.Client
	// Live reads past the cache: an attachment may just have been made.
	Live     client.Reader
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	// Forced counts volumes that were taken from a node that may have had them mounted, by reason.
	Forced *prometheus.CounterVec

	memory map[string]map[string]*entry // by node, by attachment

	mu      sync.Mutex
	waiting map[disk]map[string]bool // the nodes that wait until another gives it up
}

// entry is what is remembered of an attachment.
type entry struct {
	volume volume
	// made is the attachment that the cache may not show yet.
	made *storagev1.VolumeAttachment
	// unwanted is since when no pod wants it.
	unwanted time.Time
	// told is what the pods were told last, and tellAgain when they are told of a driver that takes long.
	told      string
	tellAgain time.Time
}

// attached is an attachment of the node that the controller would have made itself.
type attached struct {
	volume
	*storagev1.VolumeAttachment
}

// Reconcile asks for the volumes that pods of a node use, and takes away the others.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	node := &corev1.Node{}
	err := c.Client.Get(ctx, request.NamespacedName, node)
	gone := apierrors.IsNotFound(err)
	if err != nil && !gone {
		return reconcile.Result{}, fmt.Errorf("reading node: %w", err)
	}
	if _, ours := node.Annotations[managed]; !ours && !gone {
		return reconcile.Result{}, nil
	}
	wants, err := c.wanted(ctx, request.Name, node.Annotations[keepTerminated] == "true")
	if err != nil {
		return reconcile.Result{}, err
	}
	t := &turn{Controller: c, name: request.Name, node: node, gone: gone, entries: c.remembered(request.Name)}
	if t.have, err = c.attachments(ctx, t); err != nil {
		return reconcile.Result{}, err
	}
	defer t.forget(wants)
	if wants.late {
		t.wait = soon
	}
	err = t.take(ctx, wants)
	return patch.Result(kit.After(t.wait), err)
}

func (c *Controller) remembered(node string) map[string]*entry {
	if c.memory == nil {
		c.memory = map[string]map[string]*entry{}
	}
	if c.memory[node] == nil {
		c.memory[node] = map[string]*entry{}
	}
	return c.memory[node]
}

// attachments are those of a node, by name. Those that were just made are among them.
func (c *Controller) attachments(ctx context.Context, t *turn) (map[string]attached, error) {
	list := &storagev1.VolumeAttachmentList{}
	if err := c.Client.List(ctx, list, client.MatchingFields{nodeIndex: t.name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing attachments: %w", err)
	}
	found := map[string]attached{}
	for i := range list.Items {
		va := &list.Items[i]
		v, err := c.volume(ctx, t, va)
		if err != nil {
			return nil, err
		}
		if v != nil && v.attachment(t.name) == va.Name {
			found[va.Name] = attached{*v, va}
			t.entry(va.Name, *v).made = nil
		}
	}
	for name, e := range t.entries {
		if e.made == nil {
			continue
		}
		if err := c.Live.Get(ctx, client.ObjectKey{Name: name}, e.made); apierrors.IsNotFound(err) {
			e.made = nil
		} else if err != nil {
			return nil, fmt.Errorf("reading attachment %s: %w", name, err)
		} else {
			found[name] = attached{e.volume, e.made}
		}
	}
	return found, nil
}

// volume finds what an attachment attaches, or nothing: not every attachment is the controller's.
func (c *Controller) volume(ctx context.Context, t *turn, va *storagev1.VolumeAttachment) (*volume, error) {
	if e := t.entries[va.Name]; e != nil {
		return &e.volume, nil
	}
	if inlineAttached(va) {
		v := inlineOf(va.Spec.Source.InlineVolumeSpec, "")
		return &v, nil
	}
	if va.Spec.Source.PersistentVolumeName == nil || !strings.HasPrefix(va.Name, "csi-") {
		return nil, nil
	}
	pv := &corev1.PersistentVolume{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: *va.Spec.Source.PersistentVolumeName}, pv); err != nil {
		return nil, client.IgnoreNotFound(err)
	}
	if v, ok := volumeOf(pv); ok {
		return &v, nil
	}
	return nil, nil
}

// elsewhere are the other nodes that have a volume, or get it: by its PersistentVolume, by another one of the same disk, or as a pod's own.
// While there are any, the node is woken when one gives it up.
func (c *Controller) elsewhere(ctx context.Context, v volume, node string) ([]string, error) {
	c.await(v.disk(), node, true) // before looking, so that no end is missed
	keys, err := c.keys(ctx, v)
	if err != nil {
		return nil, err
	}
	var nodes []string
	for _, key := range keys {
		list := &storagev1.VolumeAttachmentList{}
		if err := c.Client.List(ctx, list, client.MatchingFields{volumeIndex: key}, client.UnsafeDisableDeepCopy); err != nil {
			return nil, fmt.Errorf("listing attachments: %w", err)
		}
		for i := range list.Items {
			if at := list.Items[i].Spec.NodeName; at != node && list.Items[i].Name == v.attachment(at) {
				nodes = append(nodes, at)
			}
		}
	}
	for other, entries := range c.memory {
		e := entries[v.attachment(other)]
		if other == node || e == nil || e.made == nil {
			continue
		}
		err := c.Live.Get(ctx, client.ObjectKey{Name: e.made.Name}, &storagev1.VolumeAttachment{})
		if err == nil {
			nodes = append(nodes, other)
		} else if !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading attachment %s: %w", e.made.Name, err)
		}
	}
	if len(nodes) == 0 {
		c.await(v.disk(), node, false)
	}
	return nodes, nil
}

// keys are what attachments of a volume may say they bring: its name as a pod's own, and the PersistentVolumes that stand for it.
func (c *Controller) keys(ctx context.Context, v volume) ([]string, error) {
	list := &corev1.PersistentVolumeList{}
	if err := c.Client.List(ctx, list, client.MatchingFields{diskIndex: string(v.unique())}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the volumes of a disk: %w", err)
	}
	keys := []string{string(v.unique())}
	for i := range list.Items {
		keys = append(keys, list.Items[i].Name)
	}
	return keys, nil
}

func (c *Controller) await(of disk, node string, waits bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = map[disk]map[string]bool{}
	}
	if waits && c.waiting[of] == nil {
		c.waiting[of] = map[string]bool{}
	}
	if waits {
		c.waiting[of][node] = true
		return
	}
	if delete(c.waiting[of], node); len(c.waiting[of]) == 0 {
		delete(c.waiting, of)
	}
}

// waitingFor are the nodes that wait for the volume of an attachment, which is known by its name: nothing else may say any more what it was.
func (c *Controller) waitingFor(attachment, node string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var nodes []string
	for of, waiting := range c.waiting {
		if of.attachment(node) == attachment {
			nodes = slices.AppendSeq(nodes, maps.Keys(waiting))
		}
	}
	return nodes
}
