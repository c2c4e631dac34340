package dynamicresources

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// fixture is a cluster of two nodes: the driver of "a" offers two devices, that of "b" none.
type fixture struct {
	*testing.T
	*Plugin
	nodes map[string]*state.NodeInfo
}

func newFixture(t *testing.T, objects ...client.Object) *fixture {
	f := &fixture{T: t, nodes: map[string]*state.NodeInfo{}}
	objects = append(objects,
		&resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "gpu"}, Spec: resourcev1.DeviceClassSpec{Selectors: []resourcev1.DeviceSelector{{
			CEL: &resourcev1.CELDeviceSelector{Expression: `device.driver == "gpu.example.com"`},
		}}}},
		&resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "a"}, Spec: resourcev1.ResourceSliceSpec{
			Driver: "gpu.example.com", NodeName: ptr.To("a"), Pool: resourcev1.ResourcePool{Name: "a", Generation: 1, ResourceSliceCount: 1},
			Devices: []resourcev1.Device{{Name: "gpu-0"}, {Name: "gpu-1"}},
		}})
	f.Plugin = &Plugin{Ledger: &Ledger{Client: fakeClient(objects)}, Clock: clock.RealClock{}, BindingTimeout: time.Minute}
	for _, name := range []string{"a", "b"} {
		f.nodes[name] = state.NewNodeInfo(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}})
	}
	return f
}

// fakeClient names what is made without a name as the API server does: with a UID.
func fakeClient(objects []client.Object) client.Client {
	made := 0
	return fake.NewClientBuilder().WithObjects(objects...).WithStatusSubresource(&resourcev1.ResourceClaim{}, &corev1.Pod{}).
		WithInterceptorFuncs(interceptor.Funcs{Create: func(ctx context.Context, to client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			made++
			o.SetUID(types.UID(fmt.Sprint("made-", made)))
			return to.Create(ctx, o, opts...)
		}}).Build()
}

func claim(name string, count int64) *resourcev1.ResourceClaim {
	return &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)},
		Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{
			Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{DeviceClassName: "gpu", AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: count},
		}}}},
	}
}

func pod(name string, claims ...string) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	for _, claim := range claims {
		p.Spec.ResourceClaims = append(p.Spec.ResourceClaims, corev1.PodResourceClaim{Name: claim, ResourceClaimName: ptr.To(claim)})
	}
	return p
}

// begins is the first part of a cycle: what PreFilter says and what Filter says of each node.
func (f *fixture) begins(p *corev1.Pod) (*profile.CycleState, string, map[string]string) {
	f.Helper()
	cycle := &profile.CycleState{}
	_, status := f.PreFilter(f.Context(), cycle, p, nil)
	if !status.IsSuccess() {
		return cycle, status.Message(), nil
	}
	said := map[string]string{}
	for name, node := range f.nodes {
		said[name] = f.Filter(f.Context(), cycle, p, node).Message()
	}
	return cycle, "", said
}

func (f *fixture) refused(p *corev1.Pod, want string) {
	f.Helper()
	if _, got, _ := f.begins(p); got != want {
		f.Errorf("%s: %q, want %q", p.Name, got, want)
	}
}

// fits says which nodes the pod fits.
func (f *fixture) fits(p *corev1.Pod, want ...string) *profile.CycleState {
	f.Helper()
	cycle, refusal, said := f.begins(p)
	var got []string
	for name, why := range said {
		if why == "" {
			got = append(got, name)
		}
	}
	slices.Sort(got)
	if refusal != "" || !slices.Equal(got, want) {
		f.Errorf("%s fits %q, want %q: %s %v", p.Name, got, want, refusal, said)
	}
	return cycle
}

func (f *fixture) binds(p *corev1.Pod, cycle *profile.CycleState, node string) {
	f.Helper()
	for _, step := range []func(context.Context, fwk.CycleState, *corev1.Pod, string) *fwk.Status{f.Reserve, f.PreBind} {
		if status := step(f.Context(), cycle, p, node); !status.IsSuccess() {
			f.Fatal(p.Name, status.AsError())
		}
	}
}

func (f *fixture) stored(name string) *resourcev1.ResourceClaim {
	f.Helper()
	stored := &resourcev1.ResourceClaim{}
	if err := f.Client.Get(f.Context(), client.ObjectKey{Namespace: "default", Name: name}, stored); err != nil {
		f.Fatal(err)
	}
	return stored
}

func TestAllocatesAndReserves(t *testing.T) {
	f := newFixture(t, claim("one", 1), claim("two", 2))
	first, second := pod("first", "one"), pod("second", "two")
	f.binds(first, f.fits(first, "a"), "a")
	one := f.stored("one")
	if r := one.Status.ReservedFor; len(r) != 1 || r[0].UID != "first" || r[0].Resource != "pods" || !slices.Equal(one.Finalizers, []string{resourcev1.Finalizer}) {
		t.Errorf("the claim of the pod: %+v", one)
	}
	if a := one.Status.Allocation; a == nil || len(a.Devices.Results) != 1 || a.Devices.Results[0].Driver != "gpu.example.com" {
		t.Errorf("its devices: %+v", a)
	}
	f.fits(second) // one device is left, and it wants two
	f.fits(pod("sharing", "one"), "a")
}

func TestDevicesThatAreAboutToBeGivenAreTaken(t *testing.T) {
	f := newFixture(t, claim("one", 2), claim("two", 1))
	first, second := pod("first", "one"), pod("second", "two")
	cycle := f.fits(first, "a")
	if status := f.Reserve(t.Context(), cycle, first, "a"); !status.IsSuccess() {
		t.Fatal(status.AsError())
	}
	f.fits(second)
	f.refused(pod("sharing", "one"), "resourceclaim default/one is in the process of being allocated")
	f.Unreserve(t.Context(), cycle, first, "a")
	f.fits(second, "a")
}

func TestRefusesWhatCannotBe(t *testing.T) {
	strange, deleted := claim("strange", 1), claim("deleted", 1)
	strange.Spec.Devices.Requests[0].Exactly.DeviceClassName = "tpu"
	deleted.DeletionTimestamp, deleted.Finalizers = &metav1.Time{Time: metav1.Now().Time}, []string{"x/y"}
	f := newFixture(t, strange, deleted)
	f.refused(pod("p", "strange"), "request gpu: device class tpu does not exist")
	f.refused(pod("p", "deleted"), `resourceclaim "deleted" is being deleted`)
	f.refused(pod("p", "nobody"), `resourceclaims.resource.k8s.io "nobody" not found`)
	templated := pod("p")
	templated.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("t")}}
	if status := f.PreEnqueue(t.Context(), templated); status.IsSuccess() {
		t.Error("a pod is tried before its claims are made")
	}
	if _, status := f.PreFilter(t.Context(), &profile.CycleState{}, pod("none"), nil); !status.IsSkip() {
		t.Error("a pod without claims is looked at")
	}
}

func TestGivesBackWhatKeepsAPodFromEveryNode(t *testing.T) {
	f := newFixture(t, claim("one", 1))
	p := pod("p", "one")
	f.binds(p, f.fits(p, "a"), "a")
	delete(f.nodes, "a")
	cycle := f.fits(p)
	if _, status := f.PostFilter(t.Context(), cycle, p, nil); status.Message() != "deallocation of ResourceClaim completed" {
		t.Error(status.Message())
	}
	if one := f.stored("one"); one.Status.Allocation != nil || len(one.Status.ReservedFor) > 0 {
		t.Errorf("the claim still has %+v", one.Status)
	}
}

// A pod that could not be bound does not keep the claim of others.
func TestGivesBackReservationsOfAPodThatIsNotBound(t *testing.T) {
	f := newFixture(t, claim("shared", 1))
	p, other, early := pod("p", "shared"), pod("other", "shared"), f.stored("shared")
	cycle := f.fits(p, "a")
	f.binds(p, cycle, "a")
	f.binds(other, f.fits(other, "a"), "a")
	f.Unreserve(t.Context(), cycle, p, "a")
	if now := f.stored("shared"); now.Status.Allocation == nil || len(now.Status.ReservedFor) != 1 || now.Status.ReservedFor[0].UID != other.UID {
		t.Errorf("the claim has %+v", now.Status)
	}
	if seen, _ := f.view(early); resourceclaim.IsReservedForPod(p, seen, false) {
		t.Error("while the cache lags the pod is thought to have the claim still: its next attempt would not reserve it")
	}
	f.Unreserve(t.Context(), cycle, p, "a")
}

// Devices that were reserved for a pod which was not bound are free again without a change of any claim.
func TestPodsThatGoWakeThoseThatWaitForDevices(t *testing.T) {
	f := newFixture(t, claim("both", 2), claim("one", 1))
	holder, waiter := pod("holder", "both"), pod("waiter", "one")
	cycle := f.fits(holder, "a")
	if status := f.Reserve(t.Context(), cycle, holder, "a"); !status.IsSuccess() {
		t.Fatal(status)
	}
	f.fits(waiter)
	f.Unreserve(t.Context(), cycle, holder, "a")
	f.fits(waiter, "a")
	hints, err := f.EventsToRegister(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wakes := func(gone, p *corev1.Pod) bool {
		return slices.ContainsFunc(hints, func(h fwk.ClusterEventWithHint) bool {
			if h.Event.Resource != fwk.Pod || h.Event.ActionType&fwk.Delete == 0 {
				return false
			}
			verdict, err := h.QueueingHintFn(klog.Background(), p, gone, nil)
			return err == nil && verdict == fwk.Queue
		})
	}
	if without := pod("without"); !wakes(holder, waiter) || wakes(holder, without) || wakes(without, waiter) {
		t.Errorf("a pod that goes wakes one with claims: %t, one without: %t; one without claims wakes one with: %t", wakes(holder, waiter), wakes(holder, without), wakes(without, waiter))
	}
}

// TestLendsExtendedResources: what no device plugin has on the node is asked of the class that stands for it, by a claim that goes with the attempt.
func TestLendsExtendedResources(t *testing.T) {
	f := newFixture(t, claim("two", 2))
	p := lent("p", "1")
	if err := f.Client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	cycle := f.fits(p, "a")
	f.binds(p, cycle, "a")
	made := f.special(p)
	owner := metav1.OwnerReference{APIVersion: "v1", Kind: "Pod", Name: "p", UID: p.UID, Controller: ptr.To(true)}
	if diff := cmp.Diff([]metav1.OwnerReference{owner}, made.OwnerReferences); diff != "" || made.GenerateName != "p-extended-resources-" ||
		made.Annotations[resourcev1.ExtendedResourceClaimAnnotation] != "true" || !slices.Equal(made.Finalizers, []string{resourcev1.Finalizer}) {
		t.Errorf("the claim is %+v, its owner (-want +got): %s", made.ObjectMeta, diff)
	}
	if s := made.Status; s.Allocation == nil || len(s.Allocation.Devices.Results) != 1 || s.Allocation.AllocationTimestamp == nil || len(s.ReservedFor) != 1 || s.ReservedFor[0].UID != p.UID {
		t.Errorf("the claim has %+v", s)
	}
	want := &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: made.Name, RequestMappings: []corev1.ContainerExtendedResourceRequest{
		{ContainerName: "c", ResourceName: string(lentName), RequestName: "container-0-request-0"},
	}}
	if err := f.Client.Get(t.Context(), client.ObjectKeyFromObject(p), p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, p.Status.ExtendedResourceClaimStatus); diff != "" {
		t.Errorf("the pod's status (-want +got): %s", diff)
	}
	other := pod("other", "two")
	f.fits(other) // one device is left, and it wants two
	f.Unreserve(t.Context(), cycle, p, "a")
	if made := f.special(p); made != nil {
		t.Errorf("the claim stays: %+v", made)
	}
	f.fits(other, "a")
}

// TestTakesExtendedResourcesOfDevicePluginsFirst: a node that has the resource itself lends none by the class.
func TestTakesExtendedResourcesOfDevicePluginsFirst(t *testing.T) {
	f := newFixture(t)
	node := f.nodes["b"].Node().DeepCopy()
	node.Status.Allocatable = corev1.ResourceList{lentName: resource.MustParse("4")}
	f.nodes["b"] = state.NewNodeInfo(node)
	p := lent("p", "1")
	cycle := f.fits(p, "a", "b")
	f.binds(p, cycle, "b")
	if made := f.special(p); made != nil {
		t.Errorf("a claim is made for devices of a device plugin: %+v", made)
	}
	f.fits(lent("q", "3"), "b")
}

// TestWhatAnAttemptLeftBehindCountsForNothing: the claim of a scheduler that ended meanwhile goes before another is made.
func TestWhatAnAttemptLeftBehindCountsForNothing(t *testing.T) {
	f := newFixture(t)
	p := lent("p", "2")
	if err := f.Client.Create(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	f.binds(p, f.fits(p, "a"), "a")
	before := f.special(p)
	f.Ledger = &Ledger{Client: f.Client}
	f.fits(lent("q", "1"))
	f.binds(p, f.fits(p, "a"), "a")
	if after := f.special(p); after == nil || after.UID == before.UID {
		t.Errorf("the claim is %+v", after)
	}
}

// lentName is a resource that the class "gpu" stands for.
const lentName = corev1.ResourceName(resourcev1.ResourceDeviceClassPrefix + "gpu")

func lent(name, amount string) *corev1.Pod {
	p := pod(name)
	p.Spec.Containers = []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{lentName: resource.MustParse(amount)}}}}
	return p
}

// special is the claim that was made for the pod's extended resources; nil if there is none.
func (f *fixture) special(p *corev1.Pod) *resourcev1.ResourceClaim {
	f.Helper()
	found, err := f.leftBehind(f.Context(), p)
	if err != nil || len(found) > 1 {
		f.Fatal(found, err)
	}
	if len(found) == 0 {
		return nil
	}
	return found[0]
}
