package nodevolumelimits

import (
	"context"
	"slices"

	storagev1 "k8s.io/api/storage/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// tally is what is attached to a node, as it was at that generation of it.
type tally struct {
	node       *state.NodeInfo // nil if it has to be counted anew
	generation int64
	name       string // of the node that the limits are of, "" if they have to be read
	rooms      []room // for each driver with a limit
	used       map[attached]struct{}
}

// room that a node has for volumes of a driver.
type room struct {
	driver      driver
	used, limit int
}

// uncounted is the slot of what is not kept.
const uncounted = -1

// tally of a node. That of a node that is no part of a snapshot is not kept.
func (p *Plugin) tally(ctx context.Context, info fwk.NodeInfo) (*tally, error) {
	node, ok := info.(*state.NodeInfo)
	if !ok || !p.listening() {
		t := &tally{}
		return t, p.recount(ctx, t, info, uncounted)
	}
	slot := node.Position()
	if more := slot + 1 - len(p.tallies); more > 0 {
		p.tallies = append(p.tallies, make([]tally, more)...)
	}
	t := &p.tallies[slot]
	// The nodes of a snapshot do not change, the copies of preemption do, and show it in their generation.
	if t.node == node && t.generation == node.GetGeneration() {
		return t, nil
	}
	t.node = nil
	forgotten := p.forgotten
	if err := p.recount(ctx, t, node, slot); err != nil {
		return nil, err
	}
	if forgotten == p.forgotten { // else claims that were counted are not known any more, and their changes would not be heard of
		t.node, t.generation = node, node.GetGeneration()
	}
	return t, nil
}

// recount brings a tally up to date.
func (p *Plugin) recount(ctx context.Context, t *tally, info fwk.NodeInfo, slot int) error {
	if err := p.limits(ctx, t, info.Node().Name); err != nil {
		return err
	}
	clear(t.used)
	for i := range t.rooms {
		t.rooms[i].used = 0
	}
	if len(t.rooms) == 0 {
		return nil
	}
	for _, pod := range info.GetPods() {
		err := p.each(ctx, pod.GetPod(), func(c *claim) {
			t.add(c)
			c.note(slot)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// limits of a node by driver.
func (p *Plugin) limits(ctx context.Context, t *tally, node string) error {
	if t.name == node {
		return nil
	}
	t.name, t.rooms = "", nil
	var info storagev1.CSINode
	if err := p.Client.Get(ctx, client.ObjectKey{Name: node}, &info); client.IgnoreNotFound(err) != nil {
		return err
	}
	for _, d := range info.Spec.Drivers {
		if d.Allocatable != nil && d.Allocatable.Count != nil {
			t.rooms = append(t.rooms, room{driver: p.driver(d.Name), limit: int(*d.Allocatable.Count)})
		}
	}
	t.name = node
	return nil
}

// add counts the volume of a claim, once.
func (t *tally) add(c *claim) {
	if !c.counts {
		return
	}
	at := slices.IndexFunc(t.rooms, func(r room) bool { return r.driver == c.driver })
	if at < 0 {
		return
	}
	if t.used == nil {
		t.used = map[attached]struct{}{}
	}
	if _, there := t.used[c.attached]; !there {
		t.used[c.attached] = struct{}{}
		t.rooms[at].used++
	}
}

// hasRoom says whether the volumes that are not there already can be attached.
func (t *tally) hasRoom(wanted wish) bool {
	for i := range t.rooms {
		r := &t.rooms[i]
		if r.driver != wanted.driver || r.used+len(wanted.volumes) <= r.limit {
			continue
		}
		more := 0
		for _, v := range wanted.volumes {
			if _, there := t.used[v]; !there {
				more++
			}
		}
		if more > 0 && r.used+more > r.limit {
			return false
		}
	}
	return true
}
