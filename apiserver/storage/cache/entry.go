package cache

import (
	"strings"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime"
)

// Entry is one object as of one revision. It is shared by every reader and nothing in it ever changes.
type Entry struct {
	Key string
	// Namespace and Name are the key's parts behind the kind's prefix.
	Namespace, Name string
	// Revision is that of the last change, which is also the object's metadata.resourceVersion. For the
	// entry of a deletion it is the deletion's.
	Revision int64
	// Created is the revision of the creation.
	Created int64
	// Object is nil when the stored bytes could not be decoded: then Err says why.
	Object runtime.Object
	Err    error
	// Raw is the value as it is stored (of a deletion: as it was), but for kinds whose objects hold it.
	Raw []byte
	// Stale is as in storage.Record.
	Stale func() bool

	// good is the last entry before this one that could be decoded, when this one could not.
	good *Entry
	// past is what the ring keeps of it, once it does. It is guarded by the resource's mu.
	past *past
	// isStub says that nothing but the key and the past is there.
	isStub bool

	encodings atomic.Pointer[encoding]
	views     atomic.Pointer[view]
}

// Good returns the entry itself, or the last one before it that could be decoded, or nil: what a reader is
// shown that cannot deal with errors. It is nil of nil.
func (e *Entry) Good() *Entry {
	if e == nil || e.Err == nil {
		return e
	}
	return e.good
}

// encoding is one node of the list of an entry's encodings. There are seldom more than three.
type encoding struct {
	key  string
	once sync.Once
	data []byte
	err  error
	next *encoding
}

// Encoding returns the entry encoded as key says (a version and a media type, say). make is called once per
// key for the life of the entry, however many callers ask at the same time; the result is shared.
func (e *Entry) Encoding(key string, make func() ([]byte, error)) ([]byte, error) {
	n := e.encoding(key)
	n.once.Do(func() { n.data, n.err = make() })
	return n.data, n.err
}

func (e *Entry) encoding(key string) *encoding {
	for {
		head := e.encodings.Load()
		for n := head; n != nil; n = n.next {
			if n.key == key {
				return n
			}
		}
		n := &encoding{key: key, next: head}
		if e.encodings.CompareAndSwap(head, n) {
			return n
		}
	}
}

// view is one node of the list of other forms of an entry's object.
type view struct {
	key    string
	object runtime.Object
	next   *view
}

// View returns the form of the object that SetView has kept under the key, or nil.
func (e *Entry) View(key string) runtime.Object {
	for v := e.views.Load(); v != nil; v = v.next {
		if v.key == key {
			return v.object
		}
	}
	return nil
}

// SetView keeps another form of the object, such as a converted one, for the life of the entry. What is kept first stays.
func (e *Entry) SetView(key string, object runtime.Object) {
	for {
		head := e.views.Load()
		if e.View(key) != nil || e.views.CompareAndSwap(head, &view{key: key, object: object, next: head}) {
			return
		}
	}
}

// splitKey takes the namespace and the name out of a key: "ns/name" or "name" behind the prefix.
func splitKey(prefix, key string) (namespace, name string) {
	rest := key[len(prefix):]
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[:i], rest[i+1:]
	}
	return "", rest
}
