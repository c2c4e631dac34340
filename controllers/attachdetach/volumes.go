package attachdetach

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/component-helpers/storage/ephemeral"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// disk is what a driver attaches as a whole, by what it knows it by.
type disk struct{ driver, handle string }

// volume is a disk as pods come to it.
type volume struct {
	driver, handle string
	// pv is the PersistentVolume, claim the claim that it belongs to.
	pv    string
	claim client.ObjectKey
	// inline volumes are a pod's own: there is no PersistentVolume, and pv is what it would be called.
	inline bool
	// exclusive volumes may be attached to one node only.
	exclusive bool
}

// unique is the volume's name in the status of nodes.
func (v volume) unique() corev1.UniqueVolumeName {
	return corev1.UniqueVolumeName("kubernetes.io/csi/" + v.driver + "^" + v.handle)
}

func (v volume) disk() disk { return disk{v.driver, v.handle} }

// attachment is the name of the VolumeAttachment that brings the volume to a node.
func (v volume) attachment(node string) string { return v.disk().attachment(node) }

func (d disk) attachment(node string) string {
	sum := sha256.Sum256([]byte(d.handle + d.driver + node))
	return "csi-" + hex.EncodeToString(sum[:])
}

// inlineOf is a pod's own volume, as the driver that has taken over its driver in the tree knows it.
func inlineOf(pv *corev1.PersistentVolumeSpec, name string) volume {
	return volume{driver: pv.CSI.Driver, handle: pv.CSI.VolumeHandle, pv: name, inline: true, exclusive: exclusive(pv.AccessModes)}
}

// volumeOf is the volume of a storage driver behind pv, if it is one: its own, or one that it has taken over.
func volumeOf(pv *corev1.PersistentVolume) (volume, bool) {
	source := intree.Volume(pv)
	if source == nil {
		return volume{}, false
	}
	v := volume{driver: source.Driver, handle: source.VolumeHandle, pv: pv.Name, exclusive: exclusive(pv.Spec.AccessModes)}
	if ref := pv.Spec.ClaimRef; ref != nil {
		v.claim = client.ObjectKey{Namespace: ref.Namespace, Name: ref.Name}
	}
	return v, true
}

// exclusive says whether no mode lets several nodes have the volume. Of no mode at all nothing is known, and nothing forbidden.
func exclusive(modes []corev1.PersistentVolumeAccessMode) bool {
	return len(modes) > 0 && !slices.ContainsFunc(modes, func(mode corev1.PersistentVolumeAccessMode) bool {
		return mode == corev1.ReadWriteMany || mode == corev1.ReadOnlyMany
	})
}

// want is a volume that pods of a node use.
type want struct {
	volume
	pods []*corev1.Pod
	// spec describes a volume that is a pod's own.
	spec *corev1.PersistentVolumeSpec
}

// wants are what the pods of a node use.
type wants struct {
	volumes []want
	// unknown are the claims of which it cannot be said yet what they stand for: what they stood for before stays.
	unknown map[client.ObjectKey]bool
	// late says that a bound claim's volume, or who has it, is not in the cache yet: that wakes nobody.
	late bool
}

// wanted looks up what the pods of a node use.
func (c *Controller) wanted(ctx context.Context, node string, keepTerminated bool) (*wants, error) {
	pods := &corev1.PodList{}
	if err := c.Client.List(ctx, pods, client.MatchingFields{kit.NodeIndex: node}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing the pods of a node: %w", err)
	}
	slices.SortFunc(pods.Items, func(a, b corev1.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	out := &wants{unknown: map[client.ObjectKey]bool{}}
	for i := range pods.Items {
		if pod := &pods.Items[i]; keepTerminated || !terminated(pod) {
			if err := c.add(ctx, pod, out); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(out.volumes, func(a, b want) int { return cmp.Compare(a.pv, b.pv) })
	return out, nil
}

func (c *Controller) add(ctx context.Context, pod *corev1.Pod, to *wants) error {
	for _, name := range claims(pod) {
		key := client.ObjectKey{Namespace: pod.Namespace, Name: name.claim}
		v, known, err := c.resolve(ctx, pod, name, to)
		if err != nil {
			return err
		}
		if !known {
			to.unknown[key] = true
		}
		if v != nil {
			to.take(want{volume: *v}, pod)
		}
	}
	for _, pv := range inlines(pod) {
		attaches, err := c.attaches(ctx, pv.Spec.CSI.Driver)
		if err != nil {
			return err
		}
		if attaches {
			to.take(want{volume: inlineOf(&pv.Spec, pv.Name), spec: &pv.Spec}, pod)
		}
	}
	return nil
}

// take adds a pod to those that want a volume.
func (w *wants) take(wanted want, pod *corev1.Pod) {
	at := slices.IndexFunc(w.volumes, func(other want) bool { return other.volume == wanted.volume })
	if at < 0 {
		at, w.volumes = len(w.volumes), append(w.volumes, wanted)
	}
	if pods := &w.volumes[at].pods; !slices.Contains(*pods, pod) {
		*pods = append(*pods, pod)
	}
}

// inlines are a pod's own volumes of drivers that have moved out of the tree.
func inlines(pod *corev1.Pod) []*corev1.PersistentVolume {
	var all []*corev1.PersistentVolume
	for i := range pod.Spec.Volumes {
		if pv := intree.Inline(&pod.Spec.Volumes[i], pod.Namespace); pv != nil {
			all = append(all, pv)
		}
	}
	return all
}

// used names the claim of one volume of a pod.
type used struct {
	claim string
	own   bool // made for the pod
}

func claims(pod *corev1.Pod) []used {
	var names []used
	for i := range pod.Spec.Volumes {
		switch v := &pod.Spec.Volumes[i]; {
		case v.PersistentVolumeClaim != nil:
			names = append(names, used{claim: v.PersistentVolumeClaim.ClaimName})
		case v.Ephemeral != nil:
			names = append(names, used{claim: ephemeral.VolumeClaimName(pod, v), own: true})
		}
	}
	return names
}

// resolve finds the volume that has to be attached for a claim: none where nothing has to. It is not known while the claim has no volume.
func (c *Controller) resolve(ctx context.Context, pod *corev1.Pod, name used, to *wants) (v *volume, known bool, err error) {
	claim, pv := &corev1.PersistentVolumeClaim{}, &corev1.PersistentVolume{}
	if err := c.Client.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: name.claim}, claim); err != nil {
		return nil, false, client.IgnoreNotFound(err)
	}
	if name.own && ephemeral.VolumeIsForPod(pod, claim) != nil || claim.Status.Phase != corev1.ClaimBound || claim.Spec.VolumeName == "" {
		return nil, false, nil
	}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, pv); client.IgnoreNotFound(err) != nil {
		return nil, false, err
	}
	if pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.UID != claim.UID {
		to.late = true
		return nil, false, nil
	}
	found, ok := volumeOf(pv)
	if !ok {
		return nil, true, nil
	}
	attaches, err := c.attaches(ctx, found.driver)
	if err != nil || !attaches {
		return nil, err == nil, err
	}
	return &found, true, nil
}

// attaches says whether volumes of a driver have to be attached: they have, unless it says otherwise.
func (c *Controller) attaches(ctx context.Context, driver string) (bool, error) {
	object := &storagev1.CSIDriver{}
	err := c.Client.Get(ctx, client.ObjectKey{Name: driver}, object)
	if apierrors.IsNotFound(err) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading driver %s: %w", driver, err)
	}
	return object.Spec.AttachRequired == nil || *object.Spec.AttachRequired, nil
}

// terminated says whether a pod needs its volumes no more: it has ended, or has to and no container runs.
func terminated(pod *corev1.Pod) bool {
	return podcontrol.IsFinished(pod) || pod.DeletionTimestamp != nil && !runs(pod.Status.InitContainerStatuses) && !runs(pod.Status.ContainerStatuses) && !runs(pod.Status.EphemeralContainerStatuses)
}

func runs(statuses []corev1.ContainerStatus) bool {
	return slices.ContainsFunc(statuses, func(s corev1.ContainerStatus) bool { return s.State.Terminated == nil && s.State.Waiting == nil })
}
