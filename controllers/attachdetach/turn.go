package attachdetach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// turn is one reconcile of a node.
type turn struct {
	*Controller
	name    string
	node    *corev1.Node
	gone    bool
	fresh   bool // node is not the cache's, but read after what is taken away was no longer offered
	entries map[string]*entry
	have    map[string]attached
	wait    time.Duration
}

func (t *turn) entry(name string, v volume) *entry {
	if t.entries[name] == nil {
		t.entries[name] = &entry{volume: v}
	}
	return t.entries[name]
}

// take attaches what is wanted, tells the kubelet what is there, and takes away what is not wanted: in this order, for the kubelet
// mounts only what it is told of.
func (t *turn) take(ctx context.Context, wants *wants) error {
	wanted, keep := map[string]want{}, map[string]bool{}
	var errs []error
	for _, w := range wants.volumes {
		name := w.attachment(t.name)
		wanted[name], keep[name] = w, true
		if !t.gone {
			errs = append(errs, t.attach(ctx, name, w))
		}
	}
	drop := map[string]string{} // by attachment: why it is taken from a node that may use it
	for _, name := range slices.Sorted(maps.Keys(t.have)) {
		a := t.have[name]
		switch e := t.entry(name, a.volume); {
		case keep[name] || wants.unknown[a.claim]:
			keep[name], e.unwanted = true, time.Time{}
		case a.DeletionTimestamp != nil: // it goes already
		default:
			if forced, may := t.mayDetach(a, e); may {
				drop[name] = forced
			} else {
				keep[name] = true
			}
		}
	}
	fresh, err := t.report(ctx, keep)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	t.tell(wanted, fresh)
	for _, name := range slices.Sorted(maps.Keys(drop)) {
		errs = append(errs, t.detach(ctx, t.have[name], drop[name]))
	}
	return errors.Join(errs...)
}

// attach asks for a volume, or says why it does not come.
func (t *turn) attach(ctx context.Context, name string, w want) error {
	e, there := t.entry(name, w.volume), t.have[name].VolumeAttachment
	switch {
	case there == nil:
		return t.create(ctx, name, w, e)
	case there.DeletionTimestamp != nil:
		t.fail(w, e, "volume attachment is being deleted", "deleting")
	case there.Status.Attached:
	case there.Status.AttachError != nil:
		said := there.Status.AttachError
		t.fail(w, e, said.Message, said.Time.UTC().Format(time.RFC3339)+" "+said.Message)
	default:
		t.late(w, e, there)
	}
	return nil
}

func (t *turn) create(ctx context.Context, name string, w want, e *entry) error {
	if w.exclusive {
		nodes, err := t.elsewhere(ctx, w.volume, t.name)
		if err != nil {
			return err
		}
		if len(nodes) > 0 {
			return t.refuse(ctx, w, e, nodes)
		}
	}
	source := storagev1.VolumeAttachmentSource{PersistentVolumeName: &w.pv}
	if w.inline {
		source = storagev1.VolumeAttachmentSource{InlineVolumeSpec: w.spec}
	}
	va := &storagev1.VolumeAttachment{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: storagev1.VolumeAttachmentSpec{
		Attacher: w.driver, NodeName: t.name, Source: source,
	}}
	err := t.Client.Create(ctx, va)
	if apierrors.IsAlreadyExists(err) { // the cache will show it
		t.wait = kit.Sooner(t.wait, soon)
		return nil
	}
	if err != nil {
		t.fail(w, e, err.Error(), err.Error())
		return fmt.Errorf("creating attachment %s: %w", name, err)
	}
	e.made, e.told, e.tellAgain = va, "", t.Clock.Now().Add(attaching)
	t.have[name] = attached{w.volume, va}
	t.wait = kit.Sooner(t.wait, attaching)
	return nil
}

// refuse says that a volume that one node may have is another's.
func (t *turn) refuse(ctx context.Context, w want, e *entry, nodes []string) error {
	if e.told == "exclusive" {
		return nil
	}
	var users []*corev1.Pod
	for _, node := range nodes {
		others, err := t.wanted(ctx, node, false)
		if err != nil {
			return err
		}
		for _, other := range others.volumes {
			if other.disk() == w.disk() {
				users = append(users, other.pods...)
			}
		}
	}
	e.told = "exclusive"
	for _, pod := range w.pods {
		t.Recorder.Event(pod, corev1.EventTypeWarning, "FailedAttachVolume", fmt.Sprintf("Multi-Attach error for volume %q %s", w.pv, usedBy(users, pod.Namespace)))
	}
	return nil
}

// usedBy says who has a volume, to somebody who may know the pods of a namespace only.
func usedBy(users []*corev1.Pod, namespace string) string {
	var names []string
	for _, user := range users {
		if user.Namespace == namespace {
			names = append(names, user.Name)
		}
	}
	others := fmt.Sprintf("%d pod(s) in different namespaces", len(users)-len(names))
	switch {
	case len(users) == 0:
		return "Volume is already exclusively attached to one node and can't be attached to another"
	case len(names) == 0:
		return "Volume is already used by " + others
	case len(names) < len(users):
		return "Volume is already used by pod(s) " + strings.Join(names, ", ") + " and " + others
	}
	return "Volume is already used by pod(s) " + strings.Join(names, ", ")
}

// late tells the pods that a driver takes long.
func (t *turn) late(w want, e *entry, va *storagev1.VolumeAttachment) {
	if e.tellAgain.IsZero() {
		e.tellAgain = va.CreationTimestamp.Add(attaching)
	}
	now := t.Clock.Now()
	if !now.Before(e.tellAgain) {
		e.tellAgain = now.Add(telling)
		t.fail(w, e, fmt.Sprintf("timed out waiting for external-attacher of %s CSI driver to attach volume %s", w.driver, w.handle), "late "+now.String())
	}
	t.wait = kit.Sooner(t.wait, e.tellAgain.Sub(now))
}

// fail tells the pods once what happened.
func (t *turn) fail(w want, e *entry, message, what string) {
	if e.told != what {
		e.told = what
		t.each(w, corev1.EventTypeWarning, "FailedAttachVolume", fmt.Sprintf("AttachVolume.Attach failed for volume %q : %s", w.pv, message))
	}
}

func (t *turn) each(w want, kind, reason, message string) {
	for _, pod := range w.pods {
		t.Recorder.Event(pod, kind, reason, message)
	}
}

// tell tells the pods which volumes have just come.
func (t *turn) tell(wanted map[string]want, fresh []string) {
	for _, name := range fresh {
		w, e := wanted[name], t.entries[name]
		if e.told == "attached" { // the cache does not show yet what was written
			continue
		}
		e.told = "attached"
		t.each(w, corev1.EventTypeNormal, "SuccessfulAttachVolume", fmt.Sprintf("AttachVolume.Attach succeeded for volume %q ", w.pv))
	}
}

// mayDetach says whether a volume that nobody wants may be taken away, and why although the node may use it.
func (t *turn) mayDetach(a attached, e *entry) (forced string, may bool) {
	now := t.Clock.Now()
	if e.unwanted.IsZero() {
		e.unwanted = now
	}
	switch {
	case !slices.Contains(t.node.Status.VolumesInUse, a.unique()):
		return "", true
	case outOfService(t.node):
		return "out-of-service", true
	case healthy(t.node): // its kubelet will give it up, which wakes us
		return "", false
	}
	left := e.unwanted.Add(unmounting).Sub(now)
	if left <= 0 {
		return timedOut, true
	}
	t.wait = kit.Sooner(t.wait, left)
	return "", false
}

// timedOut is why a volume is taken from an unhealthy node.
const timedOut = "timeout"

func healthy(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}

func outOfService(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return taint.Key == corev1.TaintNodeOutOfService })
}

// report writes into the node's status which volumes are there and stay. It returns the attachments that are new to it.
func (t *turn) report(ctx context.Context, keep map[string]bool) (fresh []string, err error) {
	if t.gone {
		return nil, nil
	}
	there := map[corev1.UniqueVolumeName]string{}
	for name, a := range t.have {
		if keep[name] && a.Status.Attached && a.DeletionTimestamp == nil {
			there[a.unique()] = name
		}
	}
	var list []corev1.AttachedVolume
	for _, v := range t.node.Status.VolumesAttached {
		if _, stays := there[v.Name]; stays || !strings.HasPrefix(string(v.Name), "kubernetes.io/csi/") {
			list = append(list, v)
		}
		delete(there, v.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(there)) {
		fresh = append(fresh, there[name])
		list = append(list, corev1.AttachedVolume{Name: name})
	}
	if len(fresh) == 0 && len(list) == len(t.node.Status.VolumesAttached) {
		return nil, nil
	}
	body, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": t.node.UID}, "status": map[string]any{"volumesAttached": list},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the volumes of a node: %w", err)
	}
	answer := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: t.name}}
	if err := t.Client.Status().Patch(ctx, answer, client.RawPatch(types.MergePatchType, body)); err != nil {
		return nil, fmt.Errorf("telling node %s its volumes: %w", t.name, err)
	}
	t.node, t.fresh = answer, true
	return fresh, nil
}

// detach takes a volume away, unless the kubelet has begun to use it before it could read that it goes.
func (t *turn) detach(ctx context.Context, a attached, forced string) error {
	if !t.gone && !t.fresh && a.Status.Attached {
		node := &corev1.Node{}
		if err := t.Live.Get(ctx, client.ObjectKey{Name: t.name}, node); err == nil {
			t.node, t.fresh = node, true
		} else if !apierrors.IsNotFound(err) {
			return fmt.Errorf("reading node: %w", err)
		}
	}
	offered := func(v corev1.AttachedVolume) bool { return v.Name == a.unique() } // a turn of which the cache shows nothing yet did
	if used := slices.Contains(t.node.Status.VolumesInUse, a.unique()); used && (forced == "" || forced == timedOut && healthy(t.node)) ||
		slices.ContainsFunc(t.node.Status.VolumesAttached, offered) {
		t.wait = kit.Sooner(t.wait, soon)
		return nil
	}
	if err := t.Client.Delete(ctx, a.VolumeAttachment, client.Preconditions{UID: &a.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting attachment %s: %w", a.Name, err)
	}
	if forced != "" && t.Forced != nil {
		t.Forced.WithLabelValues(forced).Inc()
	}
	return nil
}

// forget drops what is remembered of attachments that are neither wanted nor there.
func (t *turn) forget(wants *wants) {
	wanted := map[string]bool{}
	for _, w := range wants.volumes {
		wanted[w.attachment(t.name)] = true
	}
	for name, e := range t.entries {
		if _, there := t.have[name]; there || wanted[name] {
			continue
		}
		t.await(e.volume.disk(), t.name, false)
		delete(t.entries, name)
	}
	if len(t.entries) == 0 {
		delete(t.memory, t.name)
	}
}
