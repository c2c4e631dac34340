package election_test

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/election"
)

// group counts who leads.
type group struct {
	*testing.T
	api    client.Client
	config *cluster.Cluster
	active atomic.Int32
}

// candidate tells in began when it leads; what it leads ends when ctx does.
func (g *group) candidate(ctx context.Context, name string) (began chan struct{}, ended chan error) {
	began, ended = make(chan struct{}, 100), make(chan error, 1)
	e := &election.Election{
		Config: g.config.Config, Name: "kube-scheduler", Identity: name,
		Terms: election.Terms{Lease: 5 * time.Second, Renew: 3 * time.Second, Retry: 100 * time.Millisecond},
	}
	go func() {
		ended <- e.Run(ctx, func(ctx context.Context) error {
			if n := g.active.Add(1); n != 1 {
				g.Errorf("%d lead at a time", n)
			}
			began <- struct{}{}
			<-ctx.Done()
			g.active.Add(-1)
			return nil
		})
	}()
	return began, ended
}

func (g *group) lease() *coordinationv1.Lease {
	g.Helper()
	lease := &coordinationv1.Lease{}
	if err := g.api.Get(g.Context(), client.ObjectKey{Namespace: "kube-system", Name: "kube-scheduler"}, lease); err != nil {
		g.Fatal(err)
	}
	return lease
}

// told waits for the events of the Lease.
func (g *group) told(want ...string) {
	g.Helper()
	var got []string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); {
		events := &corev1.EventList{}
		if err := g.api.List(g.Context(), events, client.InNamespace("kube-system")); err != nil {
			g.Fatal(err)
		}
		got = nil
		for _, e := range events.Items {
			if e.Reason == "LeaderElection" && e.InvolvedObject.Kind == "Lease" && e.InvolvedObject.Name == "kube-scheduler" && e.Source.Component == "kube-scheduler" {
				got = append(got, e.Message)
			}
		}
		slices.Sort(got)
		if slices.Equal(got, want) {
			return
		}
		select {
		case <-g.Context().Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	g.Errorf("the events say %q, want %q", got, want)
}

func (g *group) wait(what string, channel <-chan struct{}) {
	g.Helper()
	select {
	case <-channel:
	case <-time.After(2 * time.Minute):
		g.Fatal(what)
	}
}

func newGroup(t *testing.T) *group {
	options := cluster.ForTest(t.TempDir())
	options.Disable = append(options.Disable, cluster.Controllers, cluster.Scheduler)
	running, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Stop() })
	api, err := client.New(running.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return &group{T: t, api: api, config: running}
}

// Whoever ends gives the lease up, and another leads.
func TestHandsOver(t *testing.T) {
	g := newGroup(t)
	first, stopFirst := context.WithCancel(t.Context())
	second, stopSecond := context.WithCancel(t.Context())
	defer stopSecond()
	begun, ended := g.candidate(first, "first")
	g.wait("the first never leads", begun)
	beginning, over := g.candidate(second, "second")
	if got := *g.lease().Spec.HolderIdentity; got != "first" {
		t.Errorf("%s holds the lease", got)
	}
	g.told("first became leader")
	stopFirst()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	g.wait("the second never leads", beginning)
	g.told("first became leader", "second became leader")
	stopSecond()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if got := ptr.Deref(g.lease().Spec.HolderIdentity, ""); got != "" {
		t.Errorf("%s holds the lease that nobody wants", got)
	}
}

// Whoever loses the lease stops what it led, and leads again when the lease is free.
func TestCompetesAgain(t *testing.T) {
	g := newGroup(t)
	begun, _ := g.candidate(t.Context(), "ours")
	g.wait("it never leads", begun)
	err := wait.PollUntilContextTimeout(t.Context(), 10*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		lease := g.lease()
		lease.Spec.HolderIdentity, lease.Spec.RenewTime = ptr.To("thief"), &metav1.MicroTime{Time: time.Now()}
		return g.api.Update(ctx, lease) == nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	g.wait("it never leads again", begun)
	if lease := g.lease(); *lease.Spec.LeaseTransitions < 1 {
		t.Errorf("the lease has not changed hands: %+v", lease.Spec)
	}
}

// What ends by itself ends the election, with its error.
func TestEndsWithWhatIsLed(t *testing.T) {
	g := newGroup(t)
	e := &election.Election{Config: g.config.Config, Name: "kube-scheduler", Identity: "ours", Terms: election.Default()}
	broken := errors.New("broken")
	if err := e.Run(t.Context(), func(context.Context) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

func TestValidate(t *testing.T) {
	if err := election.Default().Validate(); err != nil {
		t.Error(err)
	}
	for _, terms := range []election.Terms{{}, {Lease: 10, Renew: 10, Retry: 1}, {Lease: 100, Renew: 10, Retry: 9}, {Lease: 100, Renew: 10}} {
		if terms.Validate() == nil {
			t.Errorf("%+v are fine", terms)
		}
	}
}
