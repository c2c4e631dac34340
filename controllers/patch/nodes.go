package patch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Nodes makes one write of what several controllers have to change in a Node at the same time. A new one gets its share of the pod
// network, its taints and an annotation, each from another controller: three writes, each of which all who watch Nodes hear of.
//
// The first of the controllers that comes asks the others what they would change as well, and writes it all. One that comes with the same
// revision of the node meanwhile, or before the cache shows what was written, gets the answer of that write; the change wakes it again if
// it wants something else by then.
type Nodes struct {
	steps []func(*corev1.Node) Change

	mu     sync.Mutex
	open   map[nodeState]*nodeWrite
	recent [recentWrites]struct {
		state nodeState
		write *nodeWrite
	}
	next int // place in recent
}

// recentWrites is how many writes are remembered that the cache may not show yet.
const recentWrites = 64

// nodeState is a node as of one revision.
type nodeState struct {
	uid      types.UID
	revision string
}

// nodeWrite is a write that is under way, or done.
type nodeWrite struct {
	done   chan struct{}
	answer *corev1.Node
	err    error
}

// NewNodes returns what the controllers of one manager share.
func NewNodes() *Nodes { return &Nodes{open: map[nodeState]*nodeWrite{}} }

// NodesOf returns what the controllers of mgr share, or something of its own where they share nothing.
func NodesOf(mgr manager.Manager) *Nodes {
	if shared, ok := mgr.(interface{ Nodes() *Nodes }); ok {
		return shared.Nodes()
	}
	return NewNodes()
}

// Add has a step asked what it would change in a node. It must be called before anything is written. A step is called by the workers
// of all controllers; its Change has no fields where there is nothing to change.
func (n *Nodes) Add(step func(*corev1.Node) Change) { n.steps = append(n.steps, step) }

// Write sends what all steps change in a node as one patch.
func (n *Nodes) Write(ctx context.Context, c client.Client, node *corev1.Node) error {
	state := nodeState{node.UID, node.ResourceVersion}
	for {
		w, mine := n.enter(state)
		if mine {
			w.err = fmt.Errorf("patching %s did not end", node.Name) // unless it does
			defer n.leave(state, w)
			w.answer, w.err = n.write(ctx, c, node)
			return w.err
		}
		select {
		case <-w.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch {
		case w.err != nil:
			return w.err
		case w.answer != nil:
			kit.Wrote(ctx, w.answer)
			return nil
		}
		// There was nothing to change then.
	}
}

// enter returns the write of a state, and whether the caller is to make it.
func (n *Nodes) enter(state nodeState) (w *nodeWrite, mine bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if w = n.open[state]; w != nil {
		return w, false
	}
	for i := range n.recent {
		if n.recent[i].write != nil && n.recent[i].state == state {
			return n.recent[i].write, false
		}
	}
	w = &nodeWrite{done: make(chan struct{})}
	n.open[state] = w
	return w, true
}

// leave ends a write. One that failed, or of nothing, is not remembered: what is tried again is another. Nor is one that the API had nothing
// to do for, for no change of the node follows that would wake whoever comes with it.
func (n *Nodes) leave(state nodeState, w *nodeWrite) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.open, state)
	if w.answer != nil && w.answer.ResourceVersion != state.revision {
		n.recent[n.next].state, n.recent[n.next].write = state, w
		n.next = (n.next + 1) % recentWrites
	}
	close(w.done)
}

// write returns the node as it is now, nil when there is nothing to change. What is refused together is sent one by one: a change that is
// not allowed keeps no other controller's back.
func (n *Nodes) write(ctx context.Context, c client.Client, node *corev1.Node) (*corev1.Node, error) {
	var changes []Change
	for _, step := range n.steps {
		if change := step(node); len(change.Annotations) > 0 || len(change.Spec) > 0 {
			changes = append(changes, change)
		}
	}
	if len(changes) == 0 {
		return nil, nil
	}
	answer, err := send(ctx, c, node, changes...)
	if len(changes) == 1 || !refused(err) {
		return answer, err
	}
	var wrong []error
	for _, locked := range []bool{true, false} { // others change the revision that one is locked to
		for _, change := range changes {
			if change.Locked == locked {
				_, err := send(ctx, c, node, change)
				wrong = append(wrong, err)
			}
		}
	}
	return nil, errors.Join(wrong...)
}

// refused says whether the API does not allow a change.
func refused(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsInvalid(err) || apierrors.IsBadRequest(err)
}

// send changes as one patch.
func send(ctx context.Context, c client.Client, node *corev1.Node, changes ...Change) (*corev1.Node, error) {
	all := Change{Annotations: map[string]string{}, Spec: map[string]any{}}
	for _, change := range changes {
		maps.Copy(all.Annotations, change.Annotations)
		maps.Copy(all.Spec, change.Spec)
		all.Locked = all.Locked || change.Locked
	}
	answer, err := merge(ctx, c, node, all)
	if err != nil {
		return nil, err
	}
	for _, change := range changes {
		if change.Wrote != nil {
			change.Wrote()
		}
	}
	return answer, nil
}
