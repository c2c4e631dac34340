package cache

import (
	"sync"
	"weak"
)

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
		p.held, p.size = e, len(r.kind.Stored(e.Object))
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
