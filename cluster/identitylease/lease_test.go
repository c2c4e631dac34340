package identitylease

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func leaseOf(name string, labels map[string]string, renewed time.Time) *coordinationv1.Lease {
	return &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: name, Labels: labels},
		Spec:       coordinationv1.LeaseSpec{LeaseDurationSeconds: ptr.To[int32](3600), RenewTime: ptr.To(metav1.NewMicroTime(renewed))},
	}
}

// wait for writes until a condition holds.
func wait(t *testing.T, what string, writes <-chan struct{}, holds func() bool) {
	t.Helper()
	limit := time.After(time.Minute)
	for !holds() {
		select {
		case <-writes:
		case <-limit:
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

// told is a client that tells of each write when it is done.
func told(c client.WithWatch) (client.Client, <-chan struct{}) {
	writes := make(chan struct{}, 100)
	tell := func(err error) error {
		writes <- struct{}{}
		return err
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
			return tell(c.Create(ctx, obj, opts...))
		},
		Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
			return tell(c.Update(ctx, obj, opts...))
		},
		Delete: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.DeleteOption) error {
			return tell(c.Delete(ctx, obj, opts...))
		},
	}), writes
}

func TestAServerTellsOfItselfAndCollectsWhoIsGone(t *testing.T) {
	ours := map[string]string{identityLabel: server}
	c, writes := told(fake.NewClientBuilder().WithObjects(
		leaseOf("apiserver-gone", ours, start.Add(-2*time.Hour)), leaseOf("apiserver-other", ours, start.Add(-time.Minute)),
		leaseOf("a-leader", nil, start.Add(-2*time.Hour)),
	).Build())
	clock := clocktesting.NewFakeClock(start)
	l := &Lease{Client: c, Clock: clock, Host: "host", Address: "192.0.2.1:6443"}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- l.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	names := func() []string {
		var all coordinationv1.LeaseList
		if err := c.List(ctx, &all); err != nil {
			t.Fatal(err)
		}
		var names []string
		for i := range all.Items {
			names = append(names, all.Items[i].Name)
		}
		return names
	}
	wait(t, "the lease of who is gone to go", writes, func() bool {
		return cmp.Equal(names(), []string{"a-leader", l.Name(), "apiserver-other"}) || cmp.Equal(names(), []string{"a-leader", "apiserver-other", l.Name()})
	})
	own := func() *coordinationv1.Lease {
		var lease coordinationv1.Lease
		if err := c.Get(ctx, client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: l.Name()}, &lease); err != nil {
			t.Fatal(err)
		}
		return &lease
	}
	first := own()
	if diff := cmp.Diff(map[string]string{identityLabel: "kube-apiserver", "kubernetes.io/hostname": "host"}, first.Labels); diff != "" {
		t.Errorf("labels (-want +got)\n%s", diff)
	}
	if *first.Spec.LeaseDurationSeconds != 3600 || !first.Spec.RenewTime.Equal(ptr.To(metav1.NewMicroTime(start))) {
		t.Errorf("%+v", first.Spec)
	}
	clock.Step(renewal)
	wait(t, "the renewal", writes, func() bool { return own().Spec.RenewTime.After(start) })
	if *own().Spec.HolderIdentity != *first.Spec.HolderIdentity {
		t.Error("the holder has changed while the server ran")
	}
	clock.Step(time.Hour)
	wait(t, "the lease of the other to expire", writes, func() bool {
		return cmp.Equal(names(), []string{"a-leader", l.Name()})
	})
}

// TestTheLeaseOutlastsARestart: a server that starts again takes its own lease over, and makes it anew when somebody deletes it.
func TestTheLeaseOutlastsARestart(t *testing.T) {
	c := fake.NewClientBuilder().Build()
	server := func() *Lease {
		return &Lease{Client: c, Clock: clocktesting.NewFakeClock(start), Host: "host", Address: "a"}
	}
	ctx := context.Background()
	l := server()
	before := server().hold(ctx, nil)
	after := l.hold(ctx, nil)
	if before == nil || after == nil || *after.Spec.HolderIdentity == *before.Spec.HolderIdentity {
		t.Fatalf("%v %v", before, after)
	}
	if err := c.Delete(ctx, after.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if l.hold(ctx, after) != nil {
		t.Error("a lease was renewed that is not there")
	}
	if l.hold(ctx, nil) == nil {
		t.Error("no lease was made in place of one that was deleted")
	}
}

// A lease that was made with the cluster is not written before it is time to renew it, and then by the same holder.
func TestTheLeaseMadeWithTheClusterIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, writes := told(fake.NewClientBuilder().Build())
		l := &Lease{Client: c, Clock: clock.RealClock{}, Host: "host", Address: "a", Made: true}
		made := l.Object()
		if err := c.Create(t.Context(), made); err != nil {
			t.Fatal(err)
		}
		<-writes
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- l.Run(ctx) }()
		defer func() { cancel(); <-ended }()
		synctest.Wait()
		if len(writes) > 0 {
			t.Error("a lease that was just made was written")
		}
		time.Sleep(renewal)
		synctest.Wait()
		var renewed coordinationv1.Lease
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(made), &renewed); err != nil || !renewed.Spec.RenewTime.After(made.Spec.RenewTime.Time) {
			t.Errorf("not renewed: %v, %+v", err, renewed.Spec)
		}
		if *renewed.Spec.HolderIdentity != *made.Spec.HolderIdentity {
			t.Errorf("the holder is %s, not %s", *renewed.Spec.HolderIdentity, *made.Spec.HolderIdentity)
		}
	})
}
