package cache

import (
	"github.com/google/btree"
)

// Snapshot is all entries of a resource as of a revision, ordered by key. It is immutable, costs nothing to
// take when nothing was written since the last one, and stays valid for as long as it is held.
type Snapshot struct {
	Revision int64

	prefix string
	tree   *btree.BTreeG[*Entry]
}

// Len is the number of entries in all namespaces.
func (s Snapshot) Len() int {
	if s.tree == nil {
		return 0
	}
	return s.tree.Len()
}

// Get returns one entry. For a resource without namespaces, namespace is "".
func (s Snapshot) Get(namespace, name string) (*Entry, bool) {
	if s.tree == nil {
		return nil, false
	}
	e, ok := getKey(s.tree, joinKey(s.prefix, namespace, name))
	return e.resolved(), ok
}

// Ascend calls visit for each entry of the namespace ("" means all) in key order, from the key from on
// (inclusive; "" means the start), until visit returns false.
func (s Snapshot) Ascend(namespace, from string, visit func(*Entry) bool) {
	if s.tree == nil {
		return
	}
	start := s.prefix
	if namespace != "" {
		start += namespace + "/"
	}
	end := start[:len(start)-1] + "0" // '0' follows '/'
	if from > start {
		start = from
	}
	s.tree.AscendRange(&Entry{Key: start}, &Entry{Key: end}, func(e *Entry) bool { return visit(e.resolved()) })
}

// resolved returns the entry itself, or that which a stub stands for.
func (e *Entry) resolved() *Entry {
	if e != nil && e.isStub {
		return e.past.entry()
	}
	return e
}

func joinKey(prefix, namespace, name string) string {
	if namespace == "" {
		return prefix + name
	}
	return prefix + namespace + "/" + name
}

func byKey(a, b *Entry) bool { return a.Key < b.Key }
