package localpath

import (
	"crypto/sha256"
	"encoding/hex"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

const (
	// Provisioner is what storage classes name.
	Provisioner = "coxswain.io/local-path"
	// ClassName of the storage class that a cluster starts with.
	ClassName = "local-path"
	// FolderAnnotation of a Node is the folder on it that holds its volumes.
	FolderAnnotation = "coxswain.io/local-path-folder"
	// NodeLabel of a volume is NodeValue of its node's name; an annotation of the same key is the name itself, which admission goes by.
	NodeLabel = "coxswain.io/local-path-node"
	// finalizer keeps a volume until its data is removed.
	finalizer = Provisioner
	// RemovedReason in the status of a volume says that its node has removed its data.
	RemovedReason = "DataRemoved"
)

// Class is the default storage class.
func Class() *storagev1.StorageClass {
	return &storagev1.StorageClass{
		ObjectMeta:  metav1.ObjectMeta{Name: ClassName, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
		Provisioner: Provisioner, ReclaimPolicy: ptr.To(corev1.PersistentVolumeReclaimDelete),
		VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer), AllowVolumeExpansion: ptr.To(false),
	}
}

// NodeValue is a node's name as the value of a label: a name that is too long for one stands there as its hash.
func NodeValue(node string) string {
	if len(node) <= validation.LabelValueMaxLength {
		return node
	}
	sum := sha256.Sum256([]byte(node))
	return hex.EncodeToString(sum[:20])
}

// provisioned says whether a volume is one of ours.
func provisioned(v *corev1.PersistentVolume) bool {
	return v.Annotations[volume.AnnDynamicallyProvisioned] == Provisioner && v.Spec.Local != nil
}

// Removable says whether the data of a volume is to go: nobody claims it any more, and its policy is not to keep it.
func Removable(v *corev1.PersistentVolume) bool {
	free := v.Status.Phase == corev1.VolumeReleased || v.Status.Phase == corev1.VolumeAvailable && v.DeletionTimestamp != nil
	return provisioned(v) && free && v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete
}

// FolderName is the name of a volume's folder, empty if its path is not one that this package makes right below root. Whatever
// a volume's path says, its folder is looked for nowhere else.
func FolderName(root string, v *corev1.PersistentVolume) string {
	if v.Spec.Local == nil || !filepath.IsAbs(root) || filepath.Clean(v.Spec.Local.Path) != v.Spec.Local.Path {
		return ""
	}
	dir, name := filepath.Split(v.Spec.Local.Path)
	if filepath.Clean(dir) != filepath.Clean(root) || v.Name == "" || !strings.HasPrefix(name, v.Name+"_") {
		return ""
	}
	return name
}
