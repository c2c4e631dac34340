package cluster

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// devices is a cluster without machines, whose one node has a driver with two devices.
type devices struct {
	*testing.T
	client.Client
}

func newDevices(t *testing.T) *devices {
	options := ForTest(t.TempDir())
	options.SimulatedNodes = 1
	_, c := started(t, options)
	d := &devices{t, c}
	var node string
	until(t, c, &corev1.NodeList{}, 1, func(n *corev1.Node) bool { node = n.Name; return true })
	takesPods(t, c)
	d.creates(
		&resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: resourcev1.DeviceClassSpec{Selectors: []resourcev1.DeviceSelector{{
			CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "gpu.example.com"`},
		}}}},
		&resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "slice"}, Spec: resourcev1.ResourceSliceSpec{
			Driver: "gpu.example.com", NodeName: &node, Pool: resourcev1.ResourcePool{Name: node, Generation: 1, ResourceSliceCount: 1},
			Devices: []resourcev1.Device{{Name: "gpu-0"}, {Name: "gpu-1"}},
		}},
		&resourcev1.ResourceClaimTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "one"}, Spec: resourcev1.ResourceClaimTemplateSpec{
			Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{
				Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu"},
			}}}},
		}})
	return d
}

func (d *devices) creates(objects ...client.Object) {
	d.Helper()
	for _, object := range objects {
		if err := d.Create(d.Context(), object); err != nil {
			d.Fatal(err)
		}
	}
}

func (d *devices) pod(name string) *corev1.Pod {
	d.Helper()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}, Spec: corev1.PodSpec{
		Containers:     []corev1.Container{{Name: "main", Image: "x", Resources: corev1.ResourceRequirements{Claims: []corev1.ResourceClaim{{Name: "gpu"}}}}},
		ResourceClaims: []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("one")}},
	}}
	d.creates(pod)
	return pod
}

func (d *devices) bound(pod *corev1.Pod) {
	d.Helper()
	eventually(d.T, pod.Name+" has a node", func() error {
		if err := d.Get(d.Context(), client.ObjectKeyFromObject(pod), pod); err != nil || pod.Spec.NodeName != "" {
			return err
		}
		return fmt.Errorf("it has none: %+v", pod.Status)
	})
}

// Pods get devices while there are some; the next one waits, and gets what a pod that goes gives back.
func TestPodsGetDevices(t *testing.T) {
	d := newDevices(t)
	first, second := d.pod("first"), d.pod("second")
	d.bound(first)
	d.bound(second)
	third := d.pod("third")
	eventually(d.T, "the third waits", func() error {
		if err := d.Get(d.Context(), client.ObjectKeyFromObject(third), third); err != nil {
			return err
		}
		for _, c := range third.Status.Conditions {
			if c.Type == corev1.PodScheduled && c.Message == "0/1 nodes are available: 1 cannot allocate all claims. still not schedulable, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling." {
				return nil
			}
		}
		return fmt.Errorf("it says %+v", third.Status.Conditions)
	})
	claims := &resourcev1.ResourceClaimList{}
	if err := d.List(d.Context(), claims); err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	for _, claim := range claims.Items {
		if a := claim.Status.Allocation; a != nil && len(a.Devices.Results) == 1 && len(claim.Status.ReservedFor) == 1 {
			given[a.Devices.Results[0].Device] = true
		}
	}
	if len(claims.Items) != 3 || len(given) != 2 {
		t.Errorf("devices that were given: %v; claims: %+v", given, claims.Items)
	}
	if err := d.Delete(d.Context(), first, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	d.bound(third)
	d.breaks(second)
}

// Pods get what a class stands for by the name of an extended resource, once the device is attached, and give it back when they go.
func TestPodsGetExtendedResourcesByClass(t *testing.T) {
	d := newDevices(t)
	d.creates(
		&resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "fab"}, Spec: resourcev1.DeviceClassSpec{
			ExtendedResourceName: ptr.To("example.com/fab"),
			Selectors:            []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "fab.example.com"`}}},
		}},
		&resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "fab"}, Spec: resourcev1.ResourceSliceSpec{
			Driver: "fab.example.com", AllNodes: ptr.To(true), Pool: resourcev1.ResourcePool{Name: "fab", Generation: 1, ResourceSliceCount: 1},
			Devices: []resourcev1.Device{{Name: "f0", BindsToNode: ptr.To(true), BindingConditions: []string{"example.com/attached"}}},
		}})
	one := corev1.ResourceList{"example.com/fab": resource.MustParse("1")}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "lent"}, Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "main", Image: "x", Resources: corev1.ResourceRequirements{Requests: one, Limits: one}}},
	}}
	d.creates(pod)
	claim := &resourcev1.ResourceClaim{}
	eventually(d.T, "a claim is made", func() error {
		if err := d.Get(d.Context(), client.ObjectKeyFromObject(pod), pod); err != nil || pod.Status.ExtendedResourceClaimStatus == nil {
			return fmt.Errorf("the pod's status is %+v: %w", pod.Status, err)
		}
		return d.Get(d.Context(), client.ObjectKey{Namespace: "default", Name: pod.Status.ExtendedResourceClaimStatus.ResourceClaimName}, claim)
	})
	if a := claim.Status.Allocation; pod.Spec.NodeName != "" || a == nil || a.AllocationTimestamp == nil || len(claim.Status.ReservedFor) != 1 {
		t.Errorf("before the device is attached the pod is on %q, and the claim has %+v", pod.Spec.NodeName, claim.Status)
	}
	claim.Status.Devices = []resourcev1.AllocatedDeviceStatus{{Driver: "fab.example.com", Pool: "fab", Device: "f0", Conditions: []metav1.Condition{{
		Type: "example.com/attached", Status: metav1.ConditionTrue, Reason: "Attached", LastTransitionTime: metav1.Now(),
	}}}}
	if err := d.Status().Update(d.Context(), claim); err != nil {
		t.Fatal(err)
	}
	d.bound(pod)
	if err := d.Delete(d.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	eventually(d.T, "the claim goes", func() error {
		if err := d.Get(d.Context(), client.ObjectKeyFromObject(claim), claim); !apierrors.IsNotFound(err) {
			return fmt.Errorf("it is there with %+v: %w", claim.Status, err)
		}
		return nil
	})
}

// breaks taints all devices: a pod that does not tolerate that goes.
func (d *devices) breaks(pod *corev1.Pod) {
	d.Helper()
	slice := &resourcev1.ResourceSlice{}
	if err := d.Get(d.Context(), client.ObjectKey{Name: "slice"}, slice); err != nil {
		d.Fatal(err)
	}
	for i := range slice.Spec.Devices {
		slice.Spec.Devices[i].Taints = []resourcev1.DeviceTaint{{Key: "example.com/broken", Effect: resourcev1.DeviceTaintEffectNoExecute}}
	}
	slice.Spec.Pool.Generation++
	if err := d.Update(d.Context(), slice); err != nil {
		d.Fatal(err)
	}
	if slice.Spec.Devices[0].Taints[0].TimeAdded == nil {
		d.Error("nobody says since when the device is tainted")
	}
	eventually(d.T, pod.Name+" is evicted", func() error {
		err := d.Get(d.Context(), client.ObjectKeyFromObject(pod), pod)
		if apierrors.IsNotFound(err) || err == nil && pod.DeletionTimestamp != nil {
			return nil
		}
		return fmt.Errorf("it is still there: %w", err)
	})
}
