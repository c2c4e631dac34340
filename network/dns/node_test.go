package dns

import (
	"context"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"
)

// readingCache has informers that tests feed and reads what the fake API holds.
type readingCache struct {
	*informertest.FakeInformers
	api client.Client
}

func (c readingCache) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return c.api.Get(ctx, key, o, opts...)
}

func TestANodeAnnouncesItsServer(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	informers := &informertest.FakeInformers{}
	n := &Node{Name: "here", Client: api, Server: &Server{
		Cache: readingCache{informers, api}, Listen: Addresses([]netip.Addr{netip.MustParseAddr("127.0.0.1")}),
		ResolvConf: filepath.Join(t.TempDir(), "resolv.conf"),
	}}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	<-n.Server.Ready()

	born := func(uid types.UID) {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "here", UID: uid}}
		if err := api.Create(ctx, node); err != nil {
			t.Fatal(err)
		}
		fakeInformer(t, informers, node).Add(node)
	}
	born("one")
	slice := awaitSlice(t, api, func(s *discoveryv1.EndpointSlice) bool { return s.OwnerReferences[0].UID == "one" })
	e := slice.Endpoints[0]
	if e.Addresses[0] != "127.0.0.1" || e.Hints.ForNodes[0].Name != "here" || *slice.Ports[0].Port != int32(n.Server.Addresses()[0].Port()) {
		t.Errorf("the slice says %v, %v", slice.Endpoints, slice.Ports)
	}
	if svc := Service([]netip.Addr{netip.MustParseAddr("10.43.0.10")}); *slice.Ports[0].Name != svc.Spec.Ports[0].Name || *slice.Ports[1].Name != svc.Spec.Ports[1].Name {
		t.Errorf("the Service's ports do not lead to the slice's")
	}

	// The Node is replaced, and the garbage collector takes the slice away.
	if err := api.Delete(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "here"}}); err != nil {
		t.Fatal(err)
	}
	if err := api.Delete(ctx, slice); err != nil {
		t.Fatal(err)
	}
	born("two")
	awaitSlice(t, api, func(s *discoveryv1.EndpointSlice) bool { return s.OwnerReferences[0].UID == "two" })
	if err := api.Delete(ctx, slice); err != nil {
		t.Fatal(err)
	}
	fakeInformer(t, informers, slice).Delete(slice)
	awaitSlice(t, api, func(*discoveryv1.EndpointSlice) bool { return true })
	cancel()
	if err := <-done; err != nil {
		t.Errorf("running: %v", err)
	}
}

func fakeInformer(t *testing.T, all *informertest.FakeInformers, o client.Object) *controllertest.FakeInformer {
	t.Helper()
	i, err := all.FakeInformerFor(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func awaitSlice(t *testing.T, api client.Client, ok func(*discoveryv1.EndpointSlice) bool) *discoveryv1.EndpointSlice {
	t.Helper()
	s := &discoveryv1.EndpointSlice{}
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		err = api.Get(t.Context(), types.NamespacedName{Namespace: ServiceNamespace, Name: "kube-dns-here-0"}, s)
		if err == nil && ok(s) {
			return s
		}
	}
	t.Fatalf("no slice: %v, %v", s, err)
	return nil
}
