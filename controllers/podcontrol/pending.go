package podcontrol

import (
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Pending remembers, per owner, the creates and deletes that the cache has not shown
// yet, so that a reconcile on a stale list does not repeat them.
//
// A create has been seen when the list holds the object, or when an event of a later
// revision was (the object came and went in between). A delete has been seen when the
// list no longer holds the object, or holds it with a deletionTimestamp.
//
// Example: an owner creates pods p1 at revision 10 and p2 at revision 12. While the
// cache holds only p1 the owner is not settled. An event of revision 15 without p2 in
// the list says that p2 is gone already: settled.
type Pending struct {
	mu     sync.Mutex
	owners map[types.UID]*writes
	seen   uint64
}

type writes struct {
	created map[types.UID]uint64 // revision at creation
	deleted map[types.UID]struct{}
}

// NewPending returns an empty memory.
func NewPending() *Pending {
	return &Pending{owners: map[types.UID]*writes{}}
}

// Created records that owner created obj, which carries the answer of the API server.
func (p *Pending) Created(owner types.UID, obj client.Object) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of(owner).created[obj.GetUID()] = revision(obj)
}

// Deleted records that owner deleted the object with that UID.
func (p *Pending) Deleted(owner, object types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.of(owner).deleted[object] = struct{}{}
}

// Observe records that an event carried obj.
func (p *Pending) Observe(obj client.Object) {
	rev := revision(obj)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = max(p.seen, rev)
}

// Forget drops what is remembered of owner.
func (p *Pending) Forget(owner types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.owners, owner)
}

// ForgetDeleted is for the watch of owners: those that are gone are forgotten.
func (p *Pending) ForgetDeleted() predicate.Funcs {
	return predicate.Funcs{DeleteFunc: kit.OnDelete(func(owner client.Object) { p.Forget(owner.GetUID()) })}
}

// Seen is the highest revision of which an event has been.
func (p *Pending) Seen() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen
}

// Settled says whether listed, all that the cache shows of owner's objects, includes
// the effect of every write that owner made. seen is what was Seen before they were listed.
func Settled[T client.Object](p *Pending, owner types.UID, seen uint64, listed []T) bool {
	if p.nothing(owner) {
		return true
	}
	present := make(map[types.UID]bool, len(listed)) // value: being deleted
	for _, obj := range listed {
		present[obj.GetUID()] = obj.GetDeletionTimestamp() != nil
	}
	return SettledBy(p, owner, seen, func(uid types.UID) (there, deleting bool) {
		deleting, there = present[uid]
		return there, deleting
	})
}

// SettledBy is Settled for who keeps the objects of an owner by their UIDs: has says whether one is there and whether it is being deleted.
// What is kept includes all events up to the revision seen.
func SettledBy(p *Pending, owner types.UID, seen uint64, has func(types.UID) (there, deleting bool)) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.owners[owner]
	if w == nil {
		return true
	}
	for uid, rev := range w.created {
		if there, _ := has(uid); there || seen >= rev {
			delete(w.created, uid)
		}
	}
	for uid := range w.deleted {
		if there, deleting := has(uid); !there || deleting {
			delete(w.deleted, uid)
		}
	}
	if len(w.created)+len(w.deleted) > 0 {
		return false
	}
	delete(p.owners, owner)
	return true
}

// nothing says whether owner waits for nothing.
func (p *Pending) nothing(owner types.UID) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.owners[owner] == nil
}

func (p *Pending) of(owner types.UID) *writes {
	w := p.owners[owner]
	if w == nil {
		w = &writes{created: map[types.UID]uint64{}, deleted: map[types.UID]struct{}{}}
		p.owners[owner] = w
	}
	return w
}

func revision(obj client.Object) uint64 {
	rev, err := strconv.ParseUint(obj.GetResourceVersion(), 10, 64)
	if err != nil {
		return 0
	}
	return rev
}
