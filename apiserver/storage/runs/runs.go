package runs

import (
	"slices"
	"strings"
	"sync"

	"github.com/coxswain-k8s/coxswain/apiserver/codec/zipped"
)

// usual is how many items a run has at first, and most how many before it is divided. One that has come to fewer than least is joined to a
// neighbour, if the two have no more than joined, so that it is not divided again soon.
const (
	usual  = 64
	most   = 2 * usual
	least  = usual / 2
	joined = usual + least
)

// Item is an object of a list: its key, and how it is shown.
type Item struct {
	Key  string
	Data []byte
}

// Run is a stretch of a list. It never changes.
type Run struct {
	Data [][]byte
	keys []string

	once sync.Once
	part *zipped.Part
	err  error
}

// Zipped returns what compress made of the run when it was asked first, for whoever asks.
func (r *Run) Zipped(compress func(data [][]byte) (*zipped.Part, error)) (*zipped.Part, error) {
	r.once.Do(func() { r.part, r.err = compress(r.Data) })
	return r.part, r.err
}

// List is a list in the order of its keys. It never changes.
type List struct {
	Runs []*Run
	len  int
	kept bool
}

// New divides items, which are in the order of their keys.
func New(items []Item) *List {
	l := &List{len: len(items), kept: true, Runs: make([]*Run, 0, len(items)/usual+1)}
	for part := range slices.Chunk(items, usual) {
		l.Runs = append(l.Runs, runOf(part))
	}
	return l
}

// Once is a list that nobody keeps: it is not divided.
func Once(data [][]byte) *List {
	if len(data) == 0 {
		return &List{}
	}
	return &List{len: len(data), Runs: []*Run{{Data: data}}}
}

// Kept says whether it is worth while to make something of the runs for others who ask.
func (l *List) Kept() bool { return l.kept }

// Data are the items of all runs.
func (l *List) Data() [][][]byte {
	all := make([][][]byte, len(l.Runs))
	for i, r := range l.Runs {
		all[i] = r.Data
	}
	return all
}

// Len is the number of items.
func (l *List) Len() int { return l.len }

// With returns the list after changes: items that are new or changed, and keys of those that are gone.
func (l *List) With(changed []Item, gone []string) *List {
	next := &List{Runs: slices.Clone(l.Runs), len: l.len, kept: true}
	own := map[*Run]bool{} // that nobody else has yet
	for _, item := range changed {
		next.set(item, own)
	}
	for _, key := range gone {
		next.remove(key, own)
	}
	return next
}

func (l *List) set(item Item, own map[*Run]bool) {
	if len(l.Runs) == 0 {
		l.Runs, l.len = append(l.Runs, runOf([]Item{item})), 1
		return
	}
	at := l.find(item.Key)
	r := l.owned(at, own)
	i, found := slices.BinarySearch(r.keys, item.Key)
	if found {
		r.Data[i] = item.Data
		return
	}
	l.len++
	r.keys, r.Data = slices.Insert(r.keys, i, item.Key), slices.Insert(r.Data, i, item.Data)
	if len(r.keys) > most {
		low := &Run{keys: slices.Clone(r.keys[:usual]), Data: slices.Clone(r.Data[:usual])}
		r.keys, r.Data = slices.Delete(r.keys, 0, usual), slices.Delete(r.Data, 0, usual)
		own[low] = true
		l.Runs = slices.Insert(l.Runs, at, low)
	}
}

func (l *List) remove(key string, own map[*Run]bool) {
	if len(l.Runs) == 0 {
		return
	}
	at := l.find(key)
	i, found := slices.BinarySearch(l.Runs[at].keys, key)
	if !found {
		return
	}
	l.len--
	r := l.owned(at, own)
	r.keys, r.Data = slices.Delete(r.keys, i, i+1), slices.Delete(r.Data, i, i+1)
	switch {
	case len(r.keys) == 0:
		l.Runs = slices.Delete(l.Runs, at, at+1)
	case len(r.keys) < least:
		if !l.join(at-1, own) {
			l.join(at, own)
		}
	}
}

// join makes one run of that at a place and the next, if there are two and they are short enough.
func (l *List) join(at int, own map[*Run]bool) bool {
	if at < 0 || at+1 >= len(l.Runs) || len(l.Runs[at].keys)+len(l.Runs[at+1].keys) > joined {
		return false
	}
	low, high := l.owned(at, own), l.Runs[at+1]
	low.keys, low.Data = append(low.keys, high.keys...), append(low.Data, high.Data...)
	l.Runs = slices.Delete(l.Runs, at+1, at+2)
	return true
}

// find returns the place of the run that has the key if any has: the last that does not begin behind it, or the first.
func (l *List) find(key string) int {
	at, found := slices.BinarySearchFunc(l.Runs, key, func(r *Run, key string) int { return strings.Compare(r.keys[0], key) })
	if !found && at > 0 {
		at--
	}
	return at
}

// owned returns a run that may be changed, in place of one that others have, too.
func (l *List) owned(at int, own map[*Run]bool) *Run {
	r := l.Runs[at]
	if !own[r] {
		r = &Run{keys: slices.Clone(r.keys), Data: slices.Clone(r.Data)}
		own[r] = true
		l.Runs[at] = r
	}
	return r
}

func runOf(items []Item) *Run {
	r := &Run{keys: make([]string, len(items)), Data: make([][]byte, len(items))}
	for i, item := range items {
		r.keys[i], r.Data[i] = item.Key, item.Data
	}
	return r
}
