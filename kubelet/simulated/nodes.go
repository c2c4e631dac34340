package simulated

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Label marks simulated nodes.
const Label = "coxswain.io/simulated"

const (
	// renewEvery is shorter than the silence after which a node is Unknown.
	renewEvery    = 20 * time.Second
	leaseDuration = 40 * time.Second
)

// Nodes are the simulated nodes of one cluster.
type Nodes struct {
	Client client.Client
	Cache  cache.Cache
	Clock  clock.WithTicker
	// Count of nodes.
	Count int
	// Network that the addresses of pods are from.
	Network netip.Prefix
	// Version that the nodes report.
	Version string
}

// Run registers the nodes and looks after their pods until ctx ends.
func (n *Nodes) Run(ctx context.Context) error {
	for i := range n.Count {
		if err := n.register(ctx, i+1); err != nil && ctx.Err() == nil {
			return fmt.Errorf("registering simulated node %d: %w", i+1, err)
		}
	}
	if ctx.Err() != nil {
		return nil
	}
	pods := n.newPods()
	stop, err := pods.watch(ctx)
	if err != nil {
		return fmt.Errorf("watching the pods of simulated nodes: %w", err)
	}
	defer stop()
	renew := n.Clock.NewTicker(renewEvery)
	defer renew.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-renew.C():
			if err := n.renew(ctx); err != nil && ctx.Err() == nil {
				return fmt.Errorf("renewing the leases of simulated nodes: %w", err)
			}
		case <-pods.pending:
			pods.work(ctx)
		}
	}
}

// prefix of the names of simulated nodes.
const prefix = "simulated-"

func nameOf(i int) string { return prefix + strconv.Itoa(i) }

// addressOf a node: one of those that are kept for documentation.
func addressOf(node string) string {
	i, err := strconv.Atoi(strings.TrimPrefix(node, prefix))
	if err != nil {
		i = 0
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(i%254 + 1)}).String()
}

func (n *Nodes) register(ctx context.Context, i int) error {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nameOf(i), Labels: map[string]string{
		corev1.LabelHostname: nameOf(i), corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH, Label: "true",
	}}}
	if err := n.Client.Create(ctx, node); apierrors.IsAlreadyExists(err) {
		err = n.Client.Get(ctx, client.ObjectKeyFromObject(node), node)
		if err != nil {
			return err
		}
		node = node.DeepCopy()
	} else if err != nil {
		return err
	}
	before := node.DeepCopy()
	node.Status = n.status(i)
	if err := n.Client.Status().Patch(ctx, node, client.MergeFrom(before)); err != nil {
		return err
	}
	lease := n.lease(i)
	lease.OwnerReferences = []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}}
	if err := n.Client.Create(ctx, lease); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	return nil
}

func (n *Nodes) status(i int) corev1.NodeStatus {
	now := metav1.NewTime(n.Clock.Now())
	condition := func(kind corev1.NodeConditionType, status corev1.ConditionStatus, reason, message string) corev1.NodeCondition {
		return corev1.NodeCondition{Type: kind, Status: status, Reason: reason, Message: message, LastHeartbeatTime: now, LastTransitionTime: now}
	}
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("256Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("1Ti"), corev1.ResourcePods: resource.MustParse("1000"),
	}
	return corev1.NodeStatus{
		Capacity: room, Allocatable: room, Phase: corev1.NodeRunning,
		Addresses: []corev1.NodeAddress{
			{Type: corev1.NodeInternalIP, Address: addressOf(nameOf(i))}, {Type: corev1.NodeHostName, Address: nameOf(i)},
		},
		Conditions: []corev1.NodeCondition{
			condition(corev1.NodeMemoryPressure, corev1.ConditionFalse, "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
			condition(corev1.NodeDiskPressure, corev1.ConditionFalse, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
			condition(corev1.NodePIDPressure, corev1.ConditionFalse, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
			condition(corev1.NodeReady, corev1.ConditionTrue, "KubeletReady", "simulated node is ready"),
		},
		NodeInfo: corev1.NodeSystemInfo{
			KubeletVersion: n.Version, OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, ContainerRuntimeVersion: "simulated://1", OSImage: "simulated",
		},
	}
}

func (n *Nodes) lease(i int) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: corev1.NamespaceNodeLease, Name: nameOf(i)},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To(nameOf(i)), LeaseDurationSeconds: ptr.To(int32(leaseDuration.Seconds())),
			RenewTime: ptr.To(metav1.NewMicroTime(n.Clock.Now())),
		},
	}
}

// renew says that the nodes are alive, those that are not deleted.
func (n *Nodes) renew(ctx context.Context) error {
	for i := range n.Count {
		lease := n.lease(i + 1)
		patch := client.RawPatch("application/merge-patch+json",
			fmt.Appendf(nil, `{"spec":{"renewTime":%q}}`, lease.Spec.RenewTime.UTC().Format(metav1.RFC3339Micro)))
		if err := n.Client.Patch(ctx, lease, patch); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}
