package codec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// EncodeStored encodes an object as it is stored: protobuf in its envelope, or JSON where its type has no protobuf form.
// The object's kind must be set and its resourceVersion empty.
func EncodeStored(obj runtime.Object) ([]byte, error) {
	if HasProtobuf(obj) {
		return encodeProtobuf(obj)
	}
	return Encode(obj, JSON)
}

// errTruncated says that an envelope ends early.
var errTruncated = errors.New("truncated envelope")

// DecodeStored reads a stored value into the object, and returns the kind that the value says it is.
func DecodeStored(data []byte, into runtime.Object) (schema.GroupVersionKind, error) {
	if bytes.HasPrefix(data, selfDescribed) { // as upstream stores custom resources where it is told to
		plain, err := JSONFromCBOR(data)
		if err != nil {
			return schema.GroupVersionKind{}, fmt.Errorf("decoding stored CBOR: %w", err)
		}
		data = plain
	}
	if !bytes.HasPrefix(data, magic) {
		if err := kjson.UnmarshalCaseSensitivePreserveInts(data, into); err != nil {
			return schema.GroupVersionKind{}, fmt.Errorf("decoding stored JSON: %w", err)
		}
		return into.GetObjectKind().GroupVersionKind(), nil
	}
	kind, raw, err := openEnvelope(data[len(magic):])
	if err != nil {
		return kind, fmt.Errorf("decoding stored value: %w", err)
	}
	m, ok := into.(interface{ Unmarshal([]byte) error })
	if !ok {
		return kind, fmt.Errorf("decoding stored %s: %T has no protobuf form", kind, into)
	}
	if err := m.Unmarshal(raw); err != nil {
		return kind, fmt.Errorf("decoding stored %s: %w", kind, err)
	}
	return kind, nil
}

// PeekKind returns the kind of a stored value without decoding it.
func PeekKind(data []byte) (schema.GroupVersionKind, error) {
	if bytes.HasPrefix(data, magic) {
		kind, _, err := openEnvelope(data[len(magic):])
		return kind, err
	}
	var meta struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, &meta); err != nil {
		return schema.GroupVersionKind{}, fmt.Errorf("reading kind of stored JSON: %w", err)
	}
	return schema.FromAPIVersionAndKind(meta.APIVersion, meta.Kind), nil
}

// openEnvelope takes the message out of its envelope without copying.
func openEnvelope(data []byte) (kind schema.GroupVersionKind, raw []byte, err error) {
	err = eachField(data, func(field int, value []byte) error {
		switch field {
		case 1:
			var apiVersion, name string
			err := eachField(value, func(field int, value []byte) error {
				switch field {
				case 1:
					apiVersion = string(value)
				case 2:
					name = string(value)
				}
				return nil
			})
			kind = schema.FromAPIVersionAndKind(apiVersion, name)
			return err
		case 2:
			raw = value
		}
		return nil
	})
	return kind, raw, err
}

// eachField walks the length-delimited fields of a message that has no others.
func eachField(data []byte, visit func(field int, value []byte) error) error {
	for len(data) > 0 {
		tag, n := binary.Uvarint(data)
		if n <= 0 || tag&7 != 2 {
			return errTruncated
		}
		size, m := binary.Uvarint(data[n:])
		if m <= 0 || size > uint64(len(data)-n-m) {
			return errTruncated
		}
		start := n + m
		if err := visit(int(tag>>3), data[start:start+int(size)]); err != nil {
			return err
		}
		data = data[start+int(size):]
	}
	return nil
}
