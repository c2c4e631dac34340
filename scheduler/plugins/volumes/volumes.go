// Package volumes reads the claims and volumes of a pod, for the plugins that look at them. It writes nothing.
package volumes

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/component-helpers/storage/ephemeral"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Names of the claims that a pod uses, those of its ephemeral volumes included.
func Names(pod *corev1.Pod) []string {
	var names []string
	for i := range pod.Spec.Volumes {
		if name := Name(pod, &pod.Spec.Volumes[i]); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// Name of the claim behind a volume of a pod, "" if there is none.
func Name(pod *corev1.Pod, v *corev1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return ephemeral.VolumeClaimName(pod, v)
	}
	return ""
}

// Claims of a pod. A status other than nil says which of them keeps it from being placed anywhere.
func Claims(ctx context.Context, reader client.Reader, pod *corev1.Pod) ([]*corev1.PersistentVolumeClaim, *fwk.Status) {
	var claims []*corev1.PersistentVolumeClaim
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		name := Name(pod, v)
		if name == "" {
			continue
		}
		claim := &corev1.PersistentVolumeClaim{}
		err := reader.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: name}, claim)
		if status := verdict(pod, v, claim, name, err); status != nil {
			return nil, status
		}
		claims = append(claims, claim)
	}
	return claims, nil
}

func verdict(pod *corev1.Pod, v *corev1.Volume, claim *corev1.PersistentVolumeClaim, name string, err error) *fwk.Status {
	refuse := func(format string, args ...any) *fwk.Status {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf(format, args...))
	}
	switch {
	case apierrors.IsNotFound(err) && v.Ephemeral != nil:
		return refuse("waiting for ephemeral volume controller to create the persistentvolumeclaim %q", name)
	case apierrors.IsNotFound(err):
		return refuse("persistentvolumeclaim %q not found", name)
	case err != nil:
		return fwk.AsStatus(fmt.Errorf("reading claim %s/%s: %w", pod.Namespace, name, err))
	case claim.Status.Phase == corev1.ClaimLost:
		return refuse("persistentvolumeclaim %q bound to non-existent persistentvolume %q", name, claim.Spec.VolumeName)
	case claim.DeletionTimestamp != nil:
		return refuse("persistentvolumeclaim %q is being deleted", name)
	}
	if v.Ephemeral != nil {
		if err := ephemeral.VolumeIsForPod(pod, claim); err != nil {
			return refuse("%v", err)
		}
	}
	return nil
}

// Class returns the storage class of a claim; nil if it has none or there is no such class.
func Class(ctx context.Context, reader client.Reader, claim *corev1.PersistentVolumeClaim) (*storagev1.StorageClass, error) {
	name := volume.GetPersistentVolumeClaimClass(claim)
	if name == "" {
		return nil, nil
	}
	class := &storagev1.StorageClass{}
	if err := reader.Get(ctx, client.ObjectKey{Name: name}, class); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading storage class %s: %w", name, err)
	}
	return class, nil
}

// Late says whether claims of the class are bound only when a pod uses them.
func Late(class *storagev1.StorageClass) bool {
	return class != nil && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
}

// Volume returns a volume, or nil if there is none of that name.
func Volume(ctx context.Context, reader client.Reader, name string) (*corev1.PersistentVolume, error) {
	v := &corev1.PersistentVolume{}
	if err := reader.Get(ctx, client.ObjectKey{Name: name}, v); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading volume %s: %w", name, err)
	}
	return v, nil
}

// OfPod is a queueing hint: a claim may help the pods that use it.
func OfPod(_ klog.Logger, pod *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	for _, object := range []any{old, changed} {
		claim, ok := object.(*corev1.PersistentVolumeClaim)
		if !ok || claim == nil || claim.Namespace != pod.Namespace {
			continue
		}
		for _, name := range Names(pod) {
			if name == claim.Name {
				return fwk.Queue, nil
			}
		}
	}
	return fwk.QueueSkip, nil
}

// HasMoved says whether the kubelet of a node leaves the volumes of a driver in the tree to the one that has taken it over.
func HasMoved(node *storagev1.CSINode, plugin string) bool {
	return slices.Contains(strings.Split(node.Annotations[corev1.MigratedPluginsAnnotationKey], ","), plugin)
}
