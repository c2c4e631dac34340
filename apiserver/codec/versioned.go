package codec

import (
	"bytes"
	"encoding/binary"
)

// The fields of metadata up to the resourceVersion are all there in every encoding, in order, and all are text.
const versionField = 6

// Versioned returns the encoding of an object that is stored without its resourceVersion, with it: what encoding the object again
// would give, in two parts the second of which is stored's own memory. It returns false for what is not stored in protobuf.
func Versioned(stored []byte, version string) (head, rest []byte, ok bool) {
	if !bytes.HasPrefix(stored, magic) {
		return nil, nil, false
	}
	_, behindKind, ok := lengthOf(stored, len(magic), 1)
	if !ok {
		return nil, nil, false
	}
	message, behind, ok := lengthOf(stored, behindKind, 2)
	if !ok {
		return nil, nil, false
	}
	meta, behindMeta, ok := lengthOf(stored[:behind], message, 1)
	if !ok {
		return nil, nil, false
	}
	at := meta
	for field := 1; field < versionField; field++ {
		if _, at, ok = lengthOf(stored[:behindMeta], at, field); !ok {
			return nil, nil, false
		}
	}
	from, to, ok := lengthOf(stored[:behindMeta], at, versionField)
	if !ok || from != to {
		return nil, nil, false
	}
	size := behindMeta - meta - 1 + varintSize(len(version)) + len(version)
	head = append(make([]byte, 0, from+len(version)+maxGrowth), stored[:behindKind]...)
	head = appendTag(head, 2, 1+varintSize(size)+size+behind-behindMeta)
	head = appendTag(head, 1, size)
	head = append(head, stored[meta:at]...)
	head = appendTag(head, versionField, len(version))
	return append(head, version...), stored[to:], true
}

// maxGrowth is by how much the lengths before a resourceVersion can grow.
const maxGrowth = 8

// lengthOf returns where the content of a length-delimited field begins and ends, if it is that field that is there.
func lengthOf(data []byte, at, field int) (from, to int, ok bool) {
	if at >= len(data) || data[at] != byte(field<<3|2) {
		return 0, 0, false
	}
	size, n := binary.Uvarint(data[at+1:])
	from = at + 1 + n
	if n <= 0 || size > uint64(len(data)-from) {
		return 0, 0, false
	}
	return from, from + int(size), true
}

// VersionedJSON is Versioned of an object that has a Go type and is stored in JSON, of which the identity is known: what stands before
// that are names, in which no quote is without a backslash before it.
func VersionedJSON(stored []byte, uid, version string) (head, rest []byte, ok bool) {
	const begin, nextVersion = `{"kind":`, `,"resourceVersion":`
	identity := `"uid":"` + uid + `"`
	at := bytes.Index(stored, []byte(identity))
	if uid == "" || at < 0 || !bytes.HasPrefix(stored, []byte(begin)) {
		return nil, nil, false
	}
	at += len(identity)
	if rest = stored[at:]; bytes.HasPrefix(rest, []byte(nextVersion)) {
		return nil, nil, false
	}
	head = make([]byte, 0, at+len(nextVersion)+len(version)+2)
	head = append(append(head, stored[:at]...), nextVersion...)
	head = append(append(append(head, '"'), version...), '"')
	return head, rest, true
}
