package attachdetach

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	clientscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// objects reads the documents of a file. A Pod's node and an attachment's name are as they are written; the name "auto" of an attachment
// becomes the one that the controller gives.
func objects(t *testing.T, data []byte) []client.Object {
	t.Helper()
	decoder := serializer.NewCodecFactory(clientscheme.Scheme).UniversalDeserializer()
	var list []client.Object
	for _, document := range bytes.Split(data, []byte("\n---\n")) {
		o, _, err := decoder.Decode(document, nil, nil)
		if err != nil {
			t.Fatalf("%v in %s", err, document)
		}
		list = append(list, o.(client.Object))
	}
	for _, o := range list {
		if va, ok := o.(*storagev1.VolumeAttachment); ok && va.Name == "auto" {
			if inlineAttached(va) {
				va.Name = inlineOf(va.Spec.Source.InlineVolumeSpec, "").attachment(va.Spec.NodeName)
				continue
			}
			for _, other := range list {
				if pv, ok := other.(*corev1.PersistentVolume); ok && pv.Name == *va.Spec.Source.PersistentVolumeName {
					v, _ := volumeOf(pv)
					va.Name = v.attachment(va.Spec.NodeName)
				}
			}
		}
	}
	return list
}

type bench struct {
	*Controller
	api    client.Client
	events *record.FakeRecorder
	clock  *clocktesting.FakePassiveClock
}

func newBench(list ...client.Object) *bench {
	api := fake.NewClientBuilder().WithObjects(list...).
		WithStatusSubresource(&corev1.Node{}, &storagev1.VolumeAttachment{}).
		WithIndex(&corev1.Pod{}, kit.NodeIndex, func(o client.Object) []string { return []string{o.(*corev1.Pod).Spec.NodeName} }).
		WithIndex(&storagev1.VolumeAttachment{}, nodeIndex, byNode).
		WithIndex(&corev1.PersistentVolume{}, diskIndex, byDisk).
		WithIndex(&storagev1.VolumeAttachment{}, volumeIndex, byVolume).Build()
	b := &bench{api: api, events: record.NewFakeRecorder(100), clock: clocktesting.NewFakePassiveClock(fuzzing.Now())}
	b.Controller = &Controller{
		Client: api, Live: api, Recorder: b.events, Clock: b.clock,
		Forced: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "forced"}, []string{"reason"}),
	}
	return b
}

func (b *bench) turn(t *testing.T, node string) time.Duration {
	t.Helper()
	result, err := b.Reconcile(t.Context(), wake(node)[0])
	if err != nil {
		t.Fatal(err)
	}
	return result.RequeueAfter
}

// state says what there is after a turn.
func (b *bench) state(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	nodes, attachments := &corev1.NodeList{}, &storagev1.VolumeAttachmentList{}
	for _, list := range []client.ObjectList{nodes, attachments} {
		if err := b.api.List(t.Context(), list); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range nodes.Items {
		for _, v := range node.Status.VolumesAttached {
			fmt.Fprintf(&out, "node %s has %s\n", node.Name, v.Name)
		}
	}
	for _, va := range attachments.Items {
		spec, err := yaml.Marshal(va.Spec)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "attachment %s deleting=%t\n%s", va.Name, va.DeletionTimestamp != nil, spec)
	}
	for len(b.events.Events) > 0 {
		fmt.Fprintln(&out, <-b.events.Events)
	}
	return out.String()
}

// Each file of testdata is a cluster; beside it stands what a turn of node n1 makes of it.
func TestGolden(t *testing.T) {
	pairs.Each(t, "testdata/*.yaml", ".txt", func(t *testing.T, in []byte) []byte {
		b := newBench(objects(t, in)...)
		wait := b.turn(t, "n1")
		got := b.state(t)
		if wait > 0 {
			got += fmt.Sprintf("again in %s\n", wait)
		}
		if again := b.turn(t, "n1"); again > wait {
			t.Errorf("the second turn waits for %s", again)
		}
		if said := len(b.events.Events); said > 0 {
			t.Errorf("the second turn says %s", <-b.events.Events)
		}
		return []byte(got)
	})
}

func cluster(t *testing.T, file string) *bench {
	t.Helper()
	in, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	return newBench(objects(t, in)...)
}

// A node that does not answer keeps what it uses for six minutes, and no longer.
func TestForcedAfterSixMinutes(t *testing.T) {
	b := cluster(t, "unhealthy.yaml")
	if wait := b.turn(t, "n1"); wait != unmounting {
		t.Fatalf("it waits for %s", wait)
	}
	b.clock.SetTime(b.clock.Now().Add(unmounting - time.Second))
	if wait := b.turn(t, "n1"); wait != time.Second {
		t.Fatalf("it waits for %s", wait)
	}
	b.clock.SetTime(b.clock.Now().Add(time.Second))
	b.turn(t, "n1")
	if got := b.state(t); strings.Contains(got, "attachment") {
		t.Error(got)
	}
}

// stale shows a node as it was.
type stale struct {
	client.Client
	node *corev1.Node
}

func (s stale) Get(ctx context.Context, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
	if node, ok := o.(*corev1.Node); ok {
		s.node.DeepCopyInto(node)
		return nil
	}
	return s.Client.Get(ctx, key, o, options...)
}

// What the cache does not show yet counts: a volume that the kubelet is offered, and that an unhealthy node is healthy again.
func TestDetachesNothingOfWhichTheCacheKnowsTooLittle(t *testing.T) {
	for file, change := range map[string]func(now, cached *corev1.Node){
		"detaches.yaml": func(now, cached *corev1.Node) {
			now.Status.VolumesAttached, cached.Status.VolumesAttached = []corev1.AttachedVolume{{Name: "kubernetes.io/csi/drv.example.com^h"}}, nil
		},
		"unhealthy.yaml": func(now, _ *corev1.Node) {
			now.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
			now.Status.VolumesAttached = nil
		},
	} {
		b := cluster(t, file)
		now := &corev1.Node{}
		if err := b.api.Get(t.Context(), client.ObjectKey{Name: "n1"}, now); err != nil {
			t.Fatal(err)
		}
		cached := now.DeepCopy()
		change(now, cached)
		if err := b.api.Status().Update(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		b.Client = stale{b.api, cached}
		b.turn(t, "n1")
		b.clock.SetTime(b.clock.Now().Add(unmounting))
		if wait := b.turn(t, "n1"); wait != soon {
			t.Errorf("%s: it waits for %s", file, wait)
		}
		if got := b.state(t); !strings.Contains(got, "attachment csi-") {
			t.Errorf("%s: %s", file, got)
		}
	}
}

// A claim is bound, and its volume is not in the cache yet: nothing else tells of that.
func TestWaitsForTheVolumeOfABoundClaim(t *testing.T) {
	b := cluster(t, "attaches.yaml")
	pv := &corev1.PersistentVolume{}
	if err := b.api.Get(t.Context(), client.ObjectKey{Name: "pv"}, pv); err != nil {
		t.Fatal(err)
	}
	if err := b.api.Delete(t.Context(), pv); err != nil {
		t.Fatal(err)
	}
	if wait := b.turn(t, "n1"); wait != soon {
		t.Errorf("it waits for %s", wait)
	}
	pv.ResourceVersion = ""
	if err := b.api.Create(t.Context(), pv); err != nil {
		t.Fatal(err)
	}
	b.turn(t, "n1")
	if got := b.state(t); !strings.Contains(got, "attachment csi-") {
		t.Error(got)
	}
}

// The taint that lets volumes be taken may come in the place of another.
func TestWakesForATaint(t *testing.T) {
	old, node := &corev1.Node{}, &corev1.Node{}
	old.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute}}
	node.Spec.Taints = []corev1.Taint{{Key: corev1.TaintNodeOutOfService, Effect: corev1.TaintEffectNoExecute}}
	if !nodeChanged(event.UpdateEvent{ObjectOld: old, ObjectNew: node}) {
		t.Error("the node is not woken")
	}
}

// A driver that does not answer is told of after two minutes, and every four.
func TestSaysThatADriverIsSlow(t *testing.T) {
	b := cluster(t, "attaches.yaml")
	b.turn(t, "n1")
	for _, wait := range []time.Duration{attaching, telling} {
		b.clock.SetTime(b.clock.Now().Add(wait))
		b.turn(t, "n1")
	}
	want := `Warning FailedAttachVolume AttachVolume.Attach failed for volume "pv" : timed out waiting for external-attacher of drv.example.com CSI driver to attach volume h`
	for range 2 {
		if got := <-b.events.Events; got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	c := newBench().Controller
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		node, pv, pod := &corev1.Node{}, &corev1.PersistentVolume{}, &corev1.Pod{}
		for _, o := range []any{node, pv, pod} {
			fill.Fill(o)
		}
		va := &storagev1.VolumeAttachment{}
		fill.Fill(va)
		v, _ := volumeOf(pv)
		terminated(pod)
		for i := range pod.Spec.Volumes {
			intree.Inline(&pod.Spec.Volumes[i], "default")
		}
		claims(pod)
		placed(pod)
		byVolume(va)
		tt := &turn{Controller: c, name: "n", node: node, entries: map[string]*entry{}, have: map[string]attached{"a": {v, va}}}
		tt.mayDetach(tt.have["a"], tt.entry("a", v))
		tt.fail(want{volume: v, pods: []*corev1.Pod{pod}}, tt.entry("a", v), "x", "x")
		c.Recorder = record.NewFakeRecorder(100)
		if err := tt.attach(t.Context(), "a", want{volume: v, pods: []*corev1.Pod{pod}}); err != nil {
			t.Fatal(err)
		}
	})
}

// The name of the attachment is what kube-controller-manager v1.36.3 was seen to give it.
func TestVolumesOfDriversThatWereInTheTree(t *testing.T) {
	pv := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
		AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{VolumeID: "vol-6"},
	}}}
	const seen = "csi-ab536fdcf03a5b80e24344e3e0a977d03b32be2ef9f72b1ec8105fe2b13db995"
	if v, ok := volumeOf(pv); !ok || v.driver != "ebs.csi.aws.com" || v.attachment("node1") != seen {
		t.Errorf("%v %t %s", v, ok, v.attachment("node1"))
	}
}

// What the API refuses is tried again after half a second, and later each time, up to two minutes: it was tried seven times in the first second.
func TestRefusedAttachmentsAreTriedAgainAsUpstreamDoes(t *testing.T) {
	limiter, node := options().RateLimiter, reconcile.Request{}
	var waits []time.Duration
	for range 10 {
		waits = append(waits, limiter.When(node))
	}
	s := time.Second
	if want := []time.Duration{s / 2, s, 2 * s, 4 * s, 8 * s, 16 * s, 32 * s, 64 * s, 122 * s, 122 * s}; !slices.Equal(waits, want) {
		t.Errorf("it is tried again after %v, want %v", waits, want)
	}
	if workers := options().MaxConcurrentReconciles; workers != 1 {
		t.Errorf("%d workers", workers)
	}
}
