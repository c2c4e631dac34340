package cache

import (
	"strings"
	"sync"

	"github.com/google/btree"
)

// Snapshot is all entries of a resource as of a revision, ordered by key. It is immutable, costs nothing to
// take when nothing was written since the last one, and stays valid for as long as it is held.
type Snapshot struct {
	Revision int64

	prefix string
	tree   *btree.BTreeG[*Entry]
	kept   *keptLists // shared by all that are taken before the next change; nil for the past
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
	if namespace == "" && from <= s.prefix {
		s.tree.Ascend(func(e *Entry) bool { return visit(e.resolved()) })
		return
	}
	within := s.prefix
	if namespace != "" {
		within += namespace + "/"
	}
	// Looking at the beginning of a key is less work than comparing each with the end of the range.
	s.tree.AscendGreaterOrEqual(&Entry{Key: max(from, within)}, func(e *Entry) bool {
		return strings.HasPrefix(e.Key, within) && visit(e.resolved())
	})
}

// Encodings returns what make does: the encodings of all entries of the namespace ("" means all) in key order; key says how they are
// encoded. Who asks again before anything changes gets what was made the second time. The result is shared.
func (s Snapshot) Encodings(namespace, key string, make func() ([][]byte, error)) ([][]byte, error) {
	if s.kept == nil {
		return make()
	}
	which := listOf{namespace, key}
	known, again := s.kept.find(which)
	if known != nil {
		return known, nil
	}
	made, err := make()
	if err == nil && again {
		s.kept.keep(which, made)
	}
	return made, err
}

// maxKeptLists bounds the lists that are kept of one resource, of which each takes a slice of bytes for every object.
const maxKeptLists = 8

// keptLists are the lists of encodings that were asked for more than once while nothing changed. Going from object to object in memory
// for each list takes as long as the client waits for its first byte.
type keptLists struct {
	mu    sync.Mutex
	lists map[listOf][][]byte // nil for what was asked for once
}

type listOf struct{ namespace, key string }

// find returns a list that is kept, and whether it was asked for before.
func (k *keptLists) find(which listOf) (list [][]byte, again bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list, again = k.lists[which]
	if !again && len(k.lists) < maxKeptLists {
		if k.lists == nil {
			k.lists = map[listOf][][]byte{}
		}
		k.lists[which] = nil
	}
	return list, again
}

func (k *keptLists) keep(which listOf, list [][]byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lists[which] = list
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
