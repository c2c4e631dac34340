package histories

import (
	"github.com/anishathalye/porcupine"
)

// cells is the number of keys: few, so that clients meet.
const cells = 4

// request of a client.
type request struct {
	Kind     kind
	Cell     int
	Value    string
	Expected int64 // as in storage.Op
}

type kind string

const (
	get        kind = "get"
	list       kind = "list"
	write      kind = "write"      // of one key, on a condition
	remove     kind = "remove"     // the same
	writeBoth  kind = "write both" // of a key and the next, in one transaction
	cachedGet  kind = "cached get"
	cachedList kind = "cached list"
)

// answer to a client.
type answer struct {
	Outcome  outcome
	Revision int64 // of the write, or that was read at
	Seen     [cells]record
}

type outcome string

const (
	done     outcome = "done"
	exists   outcome = "exists"
	missing  outcome = "missing"
	conflict outcome = "conflict" // Seen has the key as it is
	unknown  outcome = "unknown"  // it may have happened, or not
)

// record is what is under a key; none at revision 0.
type record struct {
	Value    string
	Revision int64
}

// untold is the revision of a write whose answer was lost.
const untold int64 = -1

// state of the model: revision is no higher than the store's.
type state struct {
	revision int64
	records  [cells]record
}

// model is a few registers under one growing revision.
var model = (&porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(from, asked, told any) []any { return step(from.(state), asked.(request), told.(answer)) },
}).ToModel()

func step(s state, r request, a answer) []any {
	switch r.Kind {
	case get, cachedGet:
		return s.read(r.Cell, a)
	case list, cachedList:
		return s.readAll(a)
	case writeBoth:
		return s.apply(a, func(s *state, revision int64) {
			for _, cell := range []int{r.Cell, (r.Cell + 1) % cells} {
				s.records[cell] = record{Value: r.Value, Revision: revision}
			}
		})
	}
	return s.change(r, a)
}

// see tells whether a key is as a client saw it. A revision that nobody was told is learned.
func (s *state) see(cell int, seen record) bool {
	have := s.records[cell]
	if have.Revision == untold && seen.Revision != 0 && seen.Value == have.Value {
		s.records[cell] = seen
		s.revision = max(s.revision, seen.Revision)
		return true
	}
	return have == seen
}

func (s state) read(cell int, a answer) []any {
	if !s.see(cell, a.Seen[cell]) {
		return nil
	}
	return []any{s}
}

func (s state) readAll(a answer) []any {
	for cell := range s.records {
		if !s.see(cell, a.Seen[cell]) {
			return nil
		}
	}
	if a.Revision < s.revision {
		return nil
	}
	s.revision = a.Revision
	return []any{s}
}

// change is a write or a deletion of one key on a condition.
func (s state) change(r request, a answer) []any {
	have := s.records[r.Cell]
	deletes := r.Kind == remove
	switch a.Outcome {
	case exists:
		return s.when(have.Revision != 0 && r.Expected == 0)
	case missing:
		return s.when(have.Revision == 0)
	case conflict:
		return s.when(s.see(r.Cell, a.Seen[r.Cell]) && a.Seen[r.Cell].Revision != r.Expected)
	}
	holds := r.Expected == have.Revision || have.Revision == untold && r.Expected != 0
	if r.Expected == anyRevision {
		holds = !deletes || have.Revision != 0
	}
	if !holds {
		return s.when(a.Outcome == unknown)
	}
	return s.apply(a, func(s *state, revision int64) {
		s.records[r.Cell] = record{Value: r.Value, Revision: revision}
		if deletes {
			s.records[r.Cell] = record{}
		}
	})
}

// apply makes a change that happened, or may have.
func (s state) apply(a answer, change func(*state, int64)) []any {
	after := s
	if a.Outcome == unknown {
		change(&after, untold)
		return []any{s, after}
	}
	change(&after, a.Revision)
	after.revision = a.Revision
	if a.Revision <= s.revision {
		return nil
	}
	return []any{after}
}

func (s state) when(ok bool) []any {
	if ok {
		return []any{s}
	}
	return nil
}
