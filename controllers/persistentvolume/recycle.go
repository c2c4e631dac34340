package persistentvolume

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

const (
	// recyclerPrefix is before a volume's name in that of the pod that empties it.
	recyclerPrefix = "recycler-for-"
	// recyclerNamespace is where such pods are.
	recyclerNamespace = metav1.NamespaceDefault
	// recycled says which claim's data a pod removes: what another pod has removed counts for nothing.
	recycled      = "coxswain.io/recycled-claim"
	recyclerImage = "registry.k8s.io/build-image/debian-base:bookworm-v1.0.6"
	recyclerTask  = `test -e /scrub && find /scrub -mindepth 1 -delete && test -z "$(ls -A /scrub)" || exit 1`
	gigabyte      = 1 << 30
	failedRecycle = "VolumeFailedRecycle"
)

// recycle has a pod remove what is in a volume, and frees the volume when it has.
func (c *Volumes) recycle(ctx context.Context, v *corev1.PersistentVolume) error {
	wanted := recycler(v, &c.recycling)
	if wanted == nil {
		return c.fail(ctx, v, failedRecycle, "No recycler plugin found for the volume!")
	}
	pod := &corev1.Pod{}
	err := c.client.Get(ctx, client.ObjectKeyFromObject(wanted), pod)
	ours := pod.Annotations[recycled] == wanted.Annotations[recycled]
	switch {
	case apierrors.IsNotFound(err):
		c.teller.leave(v.UID)
		return c.startRecycling(ctx, v, wanted)
	case err != nil:
		return fmt.Errorf("reading the recycler of volume %s: %w", v.Name, err)
	case pod.DeletionTimestamp != nil:
		c.teller.leave(v.UID)
		return nil // the next one is made when it is gone
	case !ours:
		c.teller.leave(v.UID)
		return c.deleteRecycler(ctx, v, pod)
	case pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed:
		c.teller.leave(v.UID)
		return c.endRecycling(ctx, v, pod)
	}
	c.teller.follow(ctx, v, pod)
	return nil
}

// startRecycling makes the pod, which wakes the controller when it has ended.
func (c *Volumes) startRecycling(ctx context.Context, v *corev1.PersistentVolume, pod *corev1.Pod) error {
	if current, err := c.current(ctx, v); err != nil || !current {
		return err // what has changed it wakes us
	}
	err := c.client.Create(ctx, pod)
	if err == nil || apierrors.IsAlreadyExists(err) { // its event is on the way
		return nil
	}
	c.retries.failed(v.UID, c.clock.Now(), c.recycling.Retry)
	return c.fail(ctx, v, failedRecycle, fmt.Sprintf("Recycle failed: unexpected error creating recycler pod:  %v", err))
}

// endRecycling frees the volume, or says why its recycler failed. That is said while there is still the pod that tells why: it may be refused.
func (c *Volumes) endRecycling(ctx context.Context, v *corev1.PersistentVolume, pod *corev1.Pod) error {
	if pod.Status.Phase == corev1.PodFailed {
		why := cmp.Or(pod.Status.Message, "pod failed, pod.Status.Message unknown")
		if err := c.fail(ctx, v, failedRecycle, "Recycle failed: failed to recycle volume: "+why); err != nil {
			return err
		}
		c.retries.failed(v.UID, c.clock.Now(), c.recycling.Retry)
		return c.deleteRecycler(ctx, v, pod)
	}
	if err := c.deleteRecycler(ctx, v, pod); err != nil {
		return err
	}
	c.retries.done(v.UID)
	c.recorder.Event(v, corev1.EventTypeNormal, "VolumeRecycled", "Volume recycled")
	return c.unbind(ctx, v)
}

func (c *Volumes) deleteRecycler(ctx context.Context, v *corev1.PersistentVolume, pod *corev1.Pod) error {
	if err := c.client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting the recycler of volume %s: %w", v.Name, err)
	}
	return nil
}

// recycler is the pod that removes what is in a volume; nil if none can.
func recycler(v *corev1.PersistentVolume, settings *kit.Recycling) *corev1.Pod {
	var source corev1.VolumeSource
	var time kit.RecyclingTime
	var pod *corev1.Pod
	switch {
	case v.Spec.HostPath != nil:
		source.HostPath = &corev1.HostPathVolumeSource{Path: v.Spec.HostPath.Path}
		time, pod = settings.HostPath, settings.HostPathPod
	case v.Spec.NFS != nil:
		source.NFS = &corev1.NFSVolumeSource{Server: v.Spec.NFS.Server, Path: v.Spec.NFS.Path}
		time, pod = settings.NFS, settings.NFSPod
	default:
		return nil
	}
	if pod == nil || len(pod.Spec.Volumes) == 0 {
		pod = emptying()
	}
	pod = pod.DeepCopy()
	pod.Name, pod.GenerateName, pod.Spec.Volumes[0].VolumeSource = recyclerPrefix+v.Name, "", source
	pod.Namespace = recyclerNamespace
	metav1.SetMetaDataAnnotation(&pod.ObjectMeta, recycled, string(v.Spec.ClaimRef.UID))
	size := v.Spec.Capacity[corev1.ResourceStorage]
	pod.Spec.ActiveDeadlineSeconds = ptr.To(max(int64(time.Least.Seconds()), size.Value()/gigabyte*int64(time.Each.Seconds())))
	return pod
}

// emptying is a pod that empties its first volume.
func emptying() *corev1.Pod {
	return &corev1.Pod{
		Spec: corev1.PodSpec{
			RestartPolicy: corev1.RestartPolicyNever, Volumes: []corev1.Volume{{Name: "vol"}},
			Containers: []corev1.Container{{
				Name: "pv-recycler", Image: recyclerImage, Command: []string{"/bin/sh"}, Args: []string{"-c", recyclerTask},
				VolumeMounts: []corev1.VolumeMount{{Name: "vol", MountPath: "/scrub"}},
			}},
		},
	}
}

// recyclers lets the pods through that empty volumes.
func recyclers() predicate.Predicate {
	return predicate.NewPredicateFuncs(func(o client.Object) bool {
		return o.GetNamespace() == recyclerNamespace && strings.HasPrefix(o.GetName(), recyclerPrefix)
	})
}

// volumeOfRecycler is the volume that a pod empties.
func volumeOfRecycler(_ context.Context, pod client.Object) []reconcile.Request {
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: strings.TrimPrefix(pod.GetName(), recyclerPrefix)}}}
}
