package localpath

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Claims reconciles the claims that ask this provisioner for a volume.
type Claims struct {
	Client   client.Client
	Recorder record.EventRecorder
}

// Reconcile makes the volume of a claim whose node is known, or says why it cannot.
func (c *Claims) Reconcile(ctx context.Context, claim *corev1.PersistentVolumeClaim) (reconcile.Result, error) {
	if !asks(claim) {
		return reconcile.Result{}, nil
	}
	class := &storagev1.StorageClass{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: volume.GetPersistentVolumeClaimClass(claim)}, class); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err) // the binder tells of a class that is not there
	}
	if class.Provisioner != Provisioner || waitsForPod(claim, class) {
		return reconcile.Result{}, nil
	}
	existing := &corev1.PersistentVolume{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: volumeName(claim)}, existing); !apierrors.IsNotFound(err) {
		return reconcile.Result{}, err // it is there, and the binder binds it
	}
	return patch.Result(reconcile.Result{}, c.provision(ctx, claim, class))
}

// asks says whether a claim waits for a volume of ours.
func asks(claim *corev1.PersistentVolumeClaim) bool {
	return claim.Annotations[volume.AnnStorageProvisioner] == Provisioner && claim.Spec.VolumeName == "" && claim.DeletionTimestamp == nil &&
		(claim.Status.Phase == "" || claim.Status.Phase == corev1.ClaimPending)
}

// waitsForPod says whether the scheduler is to select a node first, or another one.
func waitsForPod(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) bool {
	return claim.Annotations[volume.AnnSelectedNode] == "" && ptr.Deref(class.VolumeBindingMode, storagev1.VolumeBindingImmediate) == storagev1.VolumeBindingWaitForFirstConsumer
}

func volumeName(claim *corev1.PersistentVolumeClaim) string { return "pvc-" + string(claim.UID) }

func (c *Claims) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	c.Recorder.Eventf(claim, corev1.EventTypeNormal, "Provisioning", "External provisioner is provisioning volume for claim \"%s/%s\"", claim.Namespace, claim.Name)
	node, reason, err := c.node(ctx, claim)
	if err != nil {
		return err
	}
	if reason == "" {
		reason = unsupported(claim, class)
	}
	if reason != "" {
		c.Recorder.Eventf(claim, corev1.EventTypeWarning, "ProvisioningFailed", "failed to provision volume with StorageClass %q: %s", class.Name, reason)
		return c.giveNodeBack(ctx, claim, node)
	}
	made := newVolume(claim, class, node)
	if err := c.Client.Create(ctx, made); err != nil && !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating volume %s: %w", made.Name, err)
	}
	c.Recorder.Eventf(claim, corev1.EventTypeNormal, "ProvisioningSucceeded", "Successfully provisioned volume %s", made.Name)
	return nil
}

// node is the Node that the scheduler has selected, or the reason why there can be no volume on it.
func (c *Claims) node(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*corev1.Node, string, error) {
	name := claim.Annotations[volume.AnnSelectedNode]
	if name == "" {
		return nil, "configuration error, no node was specified", nil
	}
	node := &corev1.Node{}
	err := c.Client.Get(ctx, client.ObjectKey{Name: name}, node)
	switch {
	case apierrors.IsNotFound(err):
		return nil, fmt.Sprintf("node %q not found", name), nil
	case err != nil:
		return nil, "", fmt.Errorf("reading node %s: %w", name, err)
	case !filepath.IsAbs(node.Annotations[FolderAnnotation]):
		return nil, fmt.Sprintf("node %q offers no folder for local volumes", name), nil
	case node.Labels[corev1.LabelHostname] == "":
		return nil, fmt.Sprintf("node %q has no label %s", name, corev1.LabelHostname), nil
	}
	return node, "", nil
}

// unsupported says what a claim wants that a folder is not.
func unsupported(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) string {
	if claim.Spec.VolumeMode != nil && *claim.Spec.VolumeMode == corev1.PersistentVolumeBlock {
		return Provisioner + " does not support block volume provisioning"
	}
	if claim.Spec.Selector != nil {
		return "claim.Spec.Selector is not supported"
	}
	if claim.Spec.DataSource != nil || claim.Spec.DataSourceRef != nil {
		return Provisioner + " does not support data sources"
	}
	if len(class.Parameters) > 0 {
		return "storage class parameters are not supported"
	}
	alone := []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce, corev1.ReadWriteOncePod}
	for _, mode := range claim.Spec.AccessModes {
		if !slices.Contains(alone, mode) {
			return fmt.Sprintf("%s supports no access modes but ReadWriteOnce and ReadWriteOncePod: not %s", Provisioner, mode)
		}
	}
	return ""
}

// giveNodeBack lets the scheduler choose another node, when the one that it has chosen cannot have the volume.
func (c *Claims) giveNodeBack(ctx context.Context, claim *corev1.PersistentVolumeClaim, node *corev1.Node) error {
	if node != nil {
		return nil // it would be the same on any node
	}
	_, _, err := patch.Object(ctx, c.Client, claim, func(claim *corev1.PersistentVolumeClaim) {
		delete(claim.Annotations, volume.AnnSelectedNode)
	})
	return err
}

// maxName is how long the name of a file may be.
const maxName = 255

// folderName tells people whose a folder is; the volume's name alone tells it from others.
func folderName(volume string, claim *corev1.PersistentVolumeClaim) string {
	name := volume + "_" + claim.Namespace + "_" + claim.Name
	return name[:min(len(name), maxName)]
}

func newVolume(claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass, node *corev1.Node) *corev1.PersistentVolume {
	policy, mode := corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeFilesystem
	if class.ReclaimPolicy != nil {
		policy = *class.ReclaimPolicy
	}
	name := volumeName(claim)
	return &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{NodeLabel: NodeValue(node.Name)}, Finalizers: []string{finalizer},
			Annotations: map[string]string{volume.AnnDynamicallyProvisioned: Provisioner, NodeLabel: node.Name},
		},
		Spec: corev1.PersistentVolumeSpec{
			StorageClassName: class.Name, PersistentVolumeReclaimPolicy: policy, VolumeMode: &mode, AccessModes: claim.Spec.AccessModes, MountOptions: class.MountOptions,
			Capacity: corev1.ResourceList{corev1.ResourceStorage: claim.Spec.Resources.Requests[corev1.ResourceStorage]},
			ClaimRef: &corev1.ObjectReference{
				APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: claim.Namespace, Name: claim.Name, UID: claim.UID, ResourceVersion: claim.ResourceVersion,
			},
			PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{
				Path: filepath.Join(node.Annotations[FolderAnnotation], folderName(name, claim)),
			}},
			NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
				MatchExpressions: []corev1.NodeSelectorRequirement{{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node.Labels[corev1.LabelHostname]}}},
			}}}},
		},
	}
}
