package cache

import (
	"slices"
	"strings"
	"sync"

	"github.com/google/btree"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/runs"
)

// Snapshot is all entries of a resource as of a revision, ordered by key. It is immutable, costs nothing to
// take when nothing was written since the last one, and stays valid for as long as it is held.
type Snapshot struct {
	Revision int64

	prefix string
	tree   *btree.BTreeG[*Entry]
	kept   *keptLists // shared by all that are taken before the next change, the heir of those before the last; nil for the past
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
	if s.Len() == 0 {
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
	first := pivots.Get().(*Entry)
	first.Key = max(from, within)
	s.tree.AscendGreaterOrEqual(first, func(e *Entry) bool {
		return strings.HasPrefix(e.Key, within) && visit(e.resolved())
	})
	first.Key = ""
	pivots.Put(first)
}

// Encodings returns all entries of the namespace ("" means all) in key order, as encode encodes them; key says how that is. Who asks again gets
// what was made the second time, with what has changed since. The result is shared.
func (s Snapshot) Encodings(namespace, key string, encode func([]*Entry) ([][]byte, error)) (*runs.List, error) {
	which := listOf{namespace, key}
	var known keptList
	asked := false
	if s.kept != nil {
		known, asked = s.kept.find(which)
	}
	if known.list != nil && len(known.changed) == 0 {
		return known.list, nil
	}
	made, err := s.encodings(namespace, known, asked, encode)
	if err == nil && asked {
		s.kept.keep(which, made)
	}
	return made, err
}

func (s Snapshot) encodings(namespace string, known keptList, keep bool, encode func([]*Entry) ([][]byte, error)) (*runs.List, error) {
	if known.list != nil {
		return s.renewed(namespace, known, encode)
	}
	var entries []*Entry
	s.Ascend(namespace, "", func(e *Entry) bool {
		entries = append(entries, e)
		return true
	})
	data, err := encode(entries)
	if err != nil {
		return nil, err
	}
	if !keep {
		return runs.Once(data), nil
	}
	return runs.New(items(entries, data)), nil
}

// renewed is a list with what has changed since it was made.
func (s Snapshot) renewed(namespace string, known keptList, encode func([]*Entry) ([][]byte, error)) (*runs.List, error) {
	within := s.prefix
	if namespace != "" {
		within += namespace + "/"
	}
	slices.Sort(known.changed)
	var entries []*Entry
	var gone []string
	for _, key := range slices.Compact(known.changed) {
		if !strings.HasPrefix(key, within) {
			continue
		}
		if e, ok := getKey(s.tree, key); ok {
			entries = append(entries, e.resolved())
		} else {
			gone = append(gone, key)
		}
	}
	if len(entries)+len(gone) == 0 {
		return known.list, nil
	}
	data, err := encode(entries)
	if err != nil {
		return nil, err
	}
	return known.list.With(items(entries, data), gone), nil
}

func items(entries []*Entry, data [][]byte) []runs.Item {
	all := make([]runs.Item, len(entries))
	for i, e := range entries {
		all[i] = runs.Item{Key: e.Key, Data: data[i]}
	}
	return all
}

const (
	// maxKeptLists bounds the lists that are kept of one resource, of which each takes a slice of bytes for every object.
	maxKeptLists = 8
	// maxKeptChanges is how many changes a kept list outlives that nobody asks for. What they replaced lives as long.
	maxKeptChanges = 512
)

// keptLists are the lists of encodings that were asked for more than once. Going from object to object in memory for each list takes as long
// as the client waits for its first byte.
type keptLists struct {
	mu    sync.Mutex
	lists map[listOf]keptList
}

// keptList is a list, or no more than that one was asked for.
type keptList struct {
	list    *runs.List
	changed []string // keys of what may be another than in the list
}

type listOf struct{ namespace, key string }

// find returns a list that is kept, and whether it was asked for before. The changes are the caller's own.
func (k *keptLists) find(which listOf) (list keptList, asked bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	list, asked = k.lists[which]
	if !asked && k.hasRoom() {
		if k.lists == nil {
			k.lists = map[listOf]keptList{}
		}
		k.lists[which] = keptList{}
	}
	list.changed = slices.Clone(list.changed)
	return list, asked
}

// hasRoom makes room for one more by forgetting one that was asked for only once: lists outlive changes, and those of many namespaces that
// somebody looks into in passing would keep out what is asked for all the time.
func (k *keptLists) hasRoom() bool {
	if len(k.lists) < maxKeptLists {
		return true
	}
	for which, list := range k.lists {
		if list.list == nil {
			delete(k.lists, which)
			return true
		}
	}
	return false
}

func (k *keptLists) keep(which listOf, list *runs.List) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, noted := k.lists[which]; noted || k.hasRoom() {
		k.lists[which] = keptList{list: list}
	}
}

// heir is what the next snapshot begins with: the same lists, which from then on change on their own. It is nil where there are none.
func (k *keptLists) heir() *keptLists {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.lists) == 0 {
		return nil
	}
	next := &keptLists{lists: make(map[listOf]keptList, len(k.lists))}
	for which, list := range k.lists {
		next.lists[which] = keptList{list: list.list, changed: slices.Clip(list.changed)}
	}
	return next
}

// change notes a change while nobody has a snapshot of it, and returns what is left of the lists.
func (k *keptLists) change(key string) *keptLists {
	if k == nil {
		return nil
	}
	for which, list := range k.lists {
		if len(list.changed) == maxKeptChanges {
			delete(k.lists, which)
			continue
		}
		list.changed = append(list.changed, key)
		k.lists[which] = list
	}
	if len(k.lists) == 0 {
		return nil
	}
	return k
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
