package cache

import (
	"sort"
	"sync"
	"time"
	"weak"
)

// change is one step of a resource: entry replaced previous. A creation has no previous one.
type change struct {
	revision int64
	// entry after the change; nil for a deletion.
	entry    *past
	previous *past
	at       time.Time
	// gone is the previous object with the revision of the change, made when somebody must be told that the
	// object is gone: by a deletion, or because it no longer matches a selector. Shared by all watchers.
	gone *shared
}

// ring keeps the latest changes of a resource. Changes have sequence numbers that never repeat; those in
// [first, next) are kept.
//
//	first=5, next=8:  slots  [ 5 6 7 . ]    push -> 8 goes into the free slot
//	full:             slots  [ 5 6 7 8 ]    push -> grows while 5 is younger than the retention, else 5 goes
type ring struct {
	slots       []change
	first, next uint64
	bytes       int
	// floor is the revision from which on every change is kept: what was dropped is at or below it.
	floor  int64
	limits Limits
	// grown and shrunk are how often the room became more and less.
	grown, shrunk int
}

// Limits bound what a resource keeps of its past.
type Limits struct {
	// Retention is how long changes are kept for readers that come back. Default 2 minutes.
	Retention time.Duration
	// Floor is how many changes are kept however old they are. Default 128.
	Floor int
	// Events is how many changes are kept at most, however young. Default 16384.
	Events int
	// Bytes is how many bytes of stored values the kept changes may have. Default 64 MiB.
	Bytes int
}

func (l Limits) withDefaults() Limits {
	set := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	if l.Retention <= 0 {
		l.Retention = 2 * time.Minute
	}
	set(&l.Floor, 128)
	set(&l.Events, 16384)
	set(&l.Bytes, 64<<20)
	l.Floor = min(l.Floor, l.Events)
	return l
}

func (r *ring) len() int { return int(r.next - r.first) }

func (r *ring) at(seq uint64) *change { return &r.slots[seq%uint64(len(r.slots))] }

// push appends a change and drops old ones beyond the limits. It returns the change's sequence number.
func (r *ring) push(c change) uint64 {
	if r.len() == len(r.slots) {
		r.makeRoom(c.at)
	}
	r.bytes += c.size()
	seq := r.next
	r.next++
	*r.at(seq) = c
	for r.bytes > r.limits.Bytes && r.len() > 1 {
		r.drop()
	}
	return seq
}

func (r *ring) makeRoom(now time.Time) {
	young := r.len() == 0 || now.Sub(r.at(r.first).at) < r.limits.Retention
	size := len(r.slots)
	if size < r.limits.Events && (young || size < r.limits.Floor) {
		r.resize(min(max(2*size, 16), r.limits.Events))
		return
	}
	r.drop()
}

func (r *ring) drop() {
	c := r.at(r.first)
	r.floor = c.revision
	r.bytes -= c.size()
	*c = change{}
	r.first++
}

func (r *ring) resize(size int) {
	old := *r
	if size > len(r.slots) {
		r.grown++
	} else {
		r.shrunk++
	}
	r.slots = make([]change, size)
	for seq := r.first; seq < r.next; seq++ {
		*r.at(seq) = *old.at(seq)
	}
}

// trim drops what is older than the retention and gives memory back. It tells whether anything is left that
// a later trim would drop.
func (r *ring) trim(now time.Time) (more bool) {
	for r.len() > r.limits.Floor {
		if now.Sub(r.at(r.first).at) < r.limits.Retention {
			more = true
			break
		}
		r.drop()
	}
	size := len(r.slots)
	for size/2 >= r.len() && size/2 >= r.limits.Floor {
		size /= 2
	}
	if size < len(r.slots) {
		r.resize(size)
	}
	return more
}

// reset forgets everything up to revision.
func (r *ring) reset(revision int64) {
	r.slots, r.bytes = nil, 0
	r.first = r.next
	r.floor = revision
}

// after returns the sequence number of the first kept change above revision.
func (r *ring) after(revision int64) uint64 {
	n := sort.Search(r.len(), func(i int) bool { return r.at(r.first+uint64(i)).revision > revision })
	return r.first + uint64(n)
}

func (c *change) size() int {
	if c.entry != nil {
		return c.entry.size
	}
	return c.previous.size
}

// key of the object that changed.
func (c *change) key() string {
	if c.entry != nil {
		return c.entry.key
	}
	return c.previous.key
}

// past is an entry as the ring keeps it: its stored bytes. Decoded, an object takes several times their memory, and what was
// replaced is seldom asked for again. While somebody holds the entry (it is the latest, or a reader is at it) all share that one;
// after that it is decoded anew, once for all who ask at that time.
//
//	pod at 7 -> 8 -> 9:  ring  [ bytes of 7 | bytes of 8 | bytes of 9 ]
//	                     tree                              entry of 9, which the ring's leads to
type past struct {
	r                 *Resource
	key               string
	revision, created int64
	raw               []byte
	size              int
	stale             func() bool
	shared            shared
	// held is the entry where it cannot be made anew: it could not be decoded, or its object holds its bytes.
	held *Entry
}

// shared finds an entry for as long as somebody holds it.
type shared struct {
	mu    sync.Mutex
	entry weak.Pointer[Entry]
}

func (s *shared) get(make func() *Entry) *Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.entry.Value()
	if e == nil {
		e = make()
		s.entry = weak.Make(e)
	}
	return e
}

// keep returns the entry as the ring keeps it: the same one at every call. r.mu must be held.
func (r *Resource) keep(e *Entry) *past {
	if e == nil || e.past != nil {
		return pastOf(e)
	}
	p := &past{r: r, key: e.Key, revision: e.Revision, created: e.Created, raw: e.Raw, size: len(e.Raw), stale: e.Stale}
	switch {
	case e.Err != nil:
		p.held = e
	case e.Raw == nil && r.kind.Stored != nil:
		p.held, p.size = e, r.kind.StoredSize(e.Object)
	default:
		p.shared.entry = weak.Make(e)
	}
	e.past = p
	return p
}

func pastOf(e *Entry) *past {
	if e == nil {
		return nil
	}
	return e.past
}

// entry that was kept; nil of nil.
func (p *past) entry() *Entry {
	switch {
	case p == nil:
		return nil
	case p.held != nil:
		return p.held
	}
	return p.shared.get(func() *Entry {
		e := &Entry{Key: p.key, Revision: p.revision, Created: p.created, Raw: p.raw, Stale: p.stale, past: p}
		e.Namespace, e.Name = splitKey(p.r.kind.Prefix, p.key)
		e.Object, e.Err = p.r.kind.Decode(p.raw, p.revision)
		return e
	})
}

// stub stands for the entry in a tree, until somebody looks at it.
func (p *past) stub() *Entry { return &Entry{Key: p.key, past: p, isStub: true} }
