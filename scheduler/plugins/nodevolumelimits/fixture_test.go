package nodevolumelimits

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// cluster holds objects as informers do: what is read is a copy, and handlers hear of a change after it can be read.
type cluster struct {
	testing.TB
	client.Reader
	informers informertest.FakeInformers
	objects   map[reflect.Type]map[client.ObjectKey]client.Object
	nodes     *state.State
}

func newCluster(t testing.TB) *cluster {
	return &cluster{TB: t, objects: map[reflect.Type]map[client.ObjectKey]client.Object{}, nodes: state.New()}
}

// Get implements client.Reader.
func (c *cluster) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	switch o := c.objects[reflect.TypeOf(into)][key].(type) {
	case *corev1.PersistentVolumeClaim:
		o.DeepCopyInto(into.(*corev1.PersistentVolumeClaim))
	case *corev1.PersistentVolume:
		o.DeepCopyInto(into.(*corev1.PersistentVolume))
	case *storagev1.StorageClass:
		o.DeepCopyInto(into.(*storagev1.StorageClass))
	case *storagev1.CSINode:
		o.DeepCopyInto(into.(*storagev1.CSINode))
	default:
		return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	return nil
}

func (c *cluster) set(o client.Object) {
	c.Helper()
	kind, key := reflect.TypeOf(o), client.ObjectKeyFromObject(o)
	if c.objects[kind] == nil {
		c.objects[kind] = map[client.ObjectKey]client.Object{}
	}
	old := c.objects[kind][key]
	c.objects[kind][key] = o
	informer, err := c.informers.FakeInformerFor(context.Background(), o)
	if err != nil {
		c.Fatal(err)
	}
	if old == nil {
		informer.Add(o)
	} else {
		informer.Update(old, o)
	}
}

func (c *cluster) remove(o client.Object) {
	c.Helper()
	kind, key := reflect.TypeOf(o), client.ObjectKeyFromObject(o)
	old := c.objects[kind][key]
	if old == nil {
		return
	}
	delete(c.objects[kind], key)
	informer, err := c.informers.FakeInformerFor(context.Background(), o)
	if err != nil {
		c.Fatal(err)
	}
	informer.Delete(old)
}

func named(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}
}

func claimOf(name, volume, class string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: named(name), Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume, StorageClassName: ptr.To(class)}}
}

// volumeOf a driver; without one it is of another kind.
func volumeOf(name, driver, handle string) *corev1.PersistentVolume {
	v := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if driver != "" {
		v.Spec.CSI = &corev1.CSIPersistentVolumeSource{Driver: driver, VolumeHandle: handle}
	}
	return v
}

func limitsOf(node string, limits map[string]int32) *storagev1.CSINode {
	n := &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: node}}
	for driver, limit := range limits {
		n.Spec.Drivers = append(n.Spec.Drivers, storagev1.CSINodeDriver{Name: driver, Allocatable: &storagev1.VolumeNodeResources{Count: ptr.To(limit)}})
	}
	return n
}

func podWith(name, node string, claims ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: named(name), Spec: corev1.PodSpec{NodeName: node}}
	for i, claim := range claims {
		v := corev1.Volume{Name: fmt.Sprint("v", i)}
		if claim == "" {
			v.Ephemeral = &corev1.EphemeralVolumeSource{}
		} else {
			v.PersistentVolumeClaim = &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}
		}
		pod.Spec.Volumes = append(pod.Spec.Volumes, v)
	}
	return pod
}

// ask the plugin what it says of nodes for a pod, by their places.
func ask(t testing.TB, p *Plugin, pod *corev1.Pod, nodes []fwk.NodeInfo) []bool {
	t.Helper()
	ctx, cycle := context.Background(), &profile.CycleState{}
	fits := make([]bool, len(nodes))
	_, status := p.PreFilter(ctx, cycle, pod, nodes)
	if !status.IsSkip() && !status.IsSuccess() {
		t.Fatal(status)
	}
	for i, node := range nodes {
		fits[i] = true
		if status.IsSkip() {
			continue
		}
		said := p.Filter(ctx, cycle, pod, node)
		if said.Code() == fwk.Error {
			t.Fatal(said)
		}
		fits[i] = said.IsSuccess()
	}
	return fits
}

// fits looks at everything there is, for one node.
func (c *cluster) fits(pod *corev1.Pod, node fwk.NodeInfo) bool {
	ctx := context.Background()
	var info storagev1.CSINode
	if err := c.Get(ctx, client.ObjectKey{Name: node.Node().Name}, &info); err != nil {
		return true
	}
	used, wanted := map[[2]string]bool{}, map[[2]string]bool{}
	for _, other := range node.GetPods() {
		c.collect(other.GetPod(), used)
	}
	c.collect(pod, wanted)
	for _, d := range info.Spec.Drivers {
		all, more := 0, 0
		for v := range used {
			if v[0] == d.Name {
				all++
			}
		}
		for v := range wanted {
			if v[0] == d.Name && !used[v] {
				more++
			}
		}
		if more > 0 && all+more > int(*d.Allocatable.Count) {
			return false
		}
	}
	return true
}

func (c *cluster) collect(pod *corev1.Pod, into map[[2]string]bool) {
	ctx := context.Background()
	for _, name := range volumes.Names(pod) {
		var claim corev1.PersistentVolumeClaim
		if c.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: name}, &claim) != nil {
			continue
		}
		var v corev1.PersistentVolume
		if claim.Spec.VolumeName != "" && c.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, &v) == nil {
			if v.Spec.CSI != nil {
				into[[2]string{v.Spec.CSI.Driver, v.Spec.CSI.VolumeHandle}] = true
			}
			continue
		}
		var class storagev1.StorageClass
		if c.Get(ctx, client.ObjectKey{Name: *claim.Spec.StorageClassName}, &class) == nil {
			into[[2]string{class.Provisioner, "no volume for " + name}] = true
		}
	}
}
