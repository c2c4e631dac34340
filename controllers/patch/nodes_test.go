package patch_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// counter counts the patches that it is sent, and fails as it is told.
type counter struct {
	client.Client
	mu     sync.Mutex
	bodies []string
	errs   []error
	enter  chan struct{} // told of each, if there is one
	leave  chan struct{}
	same   bool // nothing changes in what is patched
}

func (c *counter) Patch(_ context.Context, o client.Object, p client.Patch, _ ...client.PatchOption) error {
	body, err := p.Data(o)
	if err != nil {
		return err
	}
	if c.enter != nil {
		c.enter <- struct{}{}
		<-c.leave
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, string(body))
	if c.same {
		o.SetResourceVersion("7")
	}
	if len(c.errs) > 0 {
		err, c.errs = c.errs[0], c.errs[1:]
	}
	return err
}

// joined has three controllers that change something in a node.
func joined(wrote func()) *patch.Nodes {
	nodes := patch.NewNodes()
	nodes.Add(func(*corev1.Node) patch.Change { return patch.Change{Spec: map[string]any{"podCIDR": "10.0.0.0/24"}} })
	nodes.Add(func(n *corev1.Node) patch.Change {
		if len(n.Spec.Taints) == 0 {
			return patch.Change{}
		}
		return patch.Change{Spec: map[string]any{"taints": nil}, Locked: true, Wrote: wrote}
	})
	nodes.Add(func(*corev1.Node) patch.Change { return patch.Change{Annotations: map[string]string{"ttl": "0"}} })
	return nodes
}

const joinedBody = `{"metadata":{"uid":"u","resourceVersion":"7","annotations":{"ttl":"0"}},"spec":{"podCIDR":"10.0.0.0/24","taints":null}}`

func TestOneWriteForAll(t *testing.T) {
	wrote := 0
	nodes, c := joined(func() { wrote++ }), &counter{}
	for range 3 { // who comes later reads a cache that does not show it
		if err := nodes.Write(t.Context(), c, node()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{joinedBody}, c.bodies); diff != "" || wrote != 1 {
		t.Errorf("%d times told, -want +got:\n%s", wrote, diff)
	}
	next := node()
	next.ResourceVersion, next.Spec.Taints = "8", nil
	if err := nodes.Write(t.Context(), c, next); err != nil {
		t.Fatal(err)
	}
	if len(c.bodies) != 2 || !json.Valid([]byte(c.bodies[1])) {
		t.Errorf("a newer node was not written: %s", c.bodies)
	}
}

func TestThoseWhoComeMeanwhileShareTheAnswer(t *testing.T) {
	broken := errors.New("broken")
	nodes, c := joined(nil), &counter{errs: []error{broken}, enter: make(chan struct{}), leave: make(chan struct{})}
	answers := make(chan error, 2)
	go func() { answers <- nodes.Write(t.Context(), c, node()) }()
	<-c.enter
	ended, end := context.WithCancel(t.Context())
	end()
	if err := nodes.Write(ended, c, node()); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever waits no longer got %v", err)
	}
	close(c.leave)
	if err := <-answers; !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	go func() { <-c.enter }()
	if err := nodes.Write(t.Context(), c, node()); err != nil { // what failed is tried again
		t.Error(err)
	}
	if len(c.bodies) != 2 {
		t.Errorf("%d writes, want 2", len(c.bodies))
	}
}

func TestNothingToChangeIsNotRemembered(t *testing.T) {
	some := false
	nodes, c := patch.NewNodes(), &counter{}
	nodes.Add(func(*corev1.Node) patch.Change {
		if !some {
			return patch.Change{}
		}
		return patch.Change{Annotations: map[string]string{"a": "c"}}
	})
	for _, some = range []bool{false, true} {
		if err := nodes.Write(t.Context(), c, node()); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.bodies) != 1 {
		t.Errorf("%d writes, want 1", len(c.bodies))
	}
}

// A node that the API leaves as it is wakes nobody: what is wanted of it next is written.
func TestWhatTheAPILeavesAsItIsIsNotRemembered(t *testing.T) {
	nodes, c := joined(nil), &counter{same: true}
	for range 2 {
		if err := nodes.Write(t.Context(), c, node()); err != nil {
			t.Fatal(err)
		}
	}
	if len(c.bodies) != 2 {
		t.Errorf("%d writes, want 2", len(c.bodies))
	}
}

// What the API does not allow one controller keeps no other from its change.
func TestWhatIsRefusedTogetherIsWrittenOneByOne(t *testing.T) {
	forbidden := apierrors.NewForbidden(corev1.Resource("nodes"), "n", errors.New("no annotations here"))
	wrote := 0
	nodes, c := joined(func() { wrote++ }), &counter{errs: []error{forbidden, nil, nil, forbidden}}
	if err := nodes.Write(t.Context(), c, node()); !apierrors.IsForbidden(err) {
		t.Errorf("got %v", err)
	}
	want := []string{
		joinedBody,
		`{"metadata":{"uid":"u","resourceVersion":"7"},"spec":{"taints":null}}`,
		`{"metadata":{"uid":"u"},"spec":{"podCIDR":"10.0.0.0/24"}}`,
		`{"metadata":{"uid":"u","annotations":{"ttl":"0"}}}`,
	}
	if diff := cmp.Diff(want, c.bodies); diff != "" || wrote != 1 {
		t.Errorf("%d times told, -want +got:\n%s", wrote, diff)
	}
}
