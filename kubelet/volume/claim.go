package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// claim follows a PersistentVolumeClaim to its PersistentVolume and sets that up. owned says that the claim is the
// pod's own ephemeral volume.
func (s setter) claim(ctx context.Context, name string, readOnly, owned bool) (Mount, error) {
	wrap := func(err error) (Mount, error) {
		return Mount{}, fmt.Errorf("error processing PVC %s/%s: %w", s.pod.Namespace, name, err)
	}
	var claim corev1.PersistentVolumeClaim
	if err := s.Client.Get(ctx, client.ObjectKey{Namespace: s.pod.Namespace, Name: name}, &claim); err != nil {
		return wrap(fmt.Errorf("failed to fetch PVC from API server: %w", err))
	}
	if owned && !metav1.IsControlledBy(&claim, s.pod) {
		return wrap(fmt.Errorf("PVC %s/%s was not created for pod %s/%s (pod is not owner)", claim.Namespace, claim.Name, s.pod.Namespace, s.pod.Name))
	}
	if claim.DeletionTimestamp != nil {
		return wrap(errors.New("PVC is being deleted"))
	}
	if claim.Status.Phase != corev1.ClaimBound || claim.Spec.VolumeName == "" {
		return wrap(errors.New("PVC is not bound"))
	}
	var pv corev1.PersistentVolume
	if err := s.Client.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, &pv); err != nil {
		return wrap(fmt.Errorf("failed to fetch PV %s from API server: %w", claim.Spec.VolumeName, err))
	}
	if pv.Spec.ClaimRef == nil || pv.Spec.ClaimRef.UID != claim.UID {
		return wrap(fmt.Errorf("PV %s is not bound to this claim", pv.Name))
	}
	if pv.Spec.VolumeMode != nil && *pv.Spec.VolumeMode == corev1.PersistentVolumeBlock {
		return wrap(errors.New("volume has volumeMode Block, but is specified in volumeMounts"))
	}
	mount, err := s.persistentVolume(&pv, readOnly)
	mount.Claim = claim.Name
	return mount, err
}

func (s setter) persistentVolume(pv *corev1.PersistentVolume, readOnly bool) (Mount, error) {
	switch {
	case pv.Spec.HostPath != nil:
		mount, err := hostPath(pv.Spec.HostPath)
		mount.ReadOnly = readOnly
		return mount, err
	case pv.Spec.Local != nil:
		path := pv.Spec.Local.Path
		if err := makeLocal(pv); err != nil {
			return Mount{}, err
		}
		info, err := os.Stat(path)
		if errors.Is(err, os.ErrNotExist) {
			return Mount{}, fmt.Errorf("path %q does not exist", path)
		}
		if err != nil {
			return Mount{}, err
		}
		if !info.IsDir() {
			return Mount{}, fmt.Errorf("path %q is not a directory", path)
		}
		mount := Mount{HostPath: path, ReadOnly: readOnly}
		if readOnly {
			return mount, nil
		}
		return mount, s.own(path, true)
	default:
		return Mount{}, fmt.Errorf("no volume plugin matched PersistentVolume %s", pv.Name)
	}
}

// localProvisioner is the provisioner whose volumes are folders that are made when they are needed first.
const localProvisioner = "coxswain.io/local-path"

// makeLocal makes the folder of a volume of the local provisioner, open to whatever user its pods run as. The folder above is
// there on a node that offers such volumes, and lets nobody in who has not been given a folder.
func makeLocal(pv *corev1.PersistentVolume) error {
	if pv.Annotations["pv.kubernetes.io/provisioned-by"] != localProvisioner {
		return nil
	}
	path := pv.Spec.Local.Path
	err := os.Mkdir(path, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = os.Chmod(path, 0o777)
	}
	if err != nil {
		return fmt.Errorf("making the folder of volume %s: %w", pv.Name, err)
	}
	return nil
}
