package codec

import (
	"bytes"
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	sigsyaml "sigs.k8s.io/yaml"
)

// magic starts every protobuf object on the wire and in the store.
var magic = []byte("k8s\x00")

// message is what generated protobuf types offer.
type message interface {
	Size() int
	MarshalTo([]byte) (int, error)
	MarshalToSizedBuffer([]byte) (int, error)
}

// HasProtobuf says whether the object can be encoded in protobuf.
func HasProtobuf(obj runtime.Object) bool {
	_, ok := obj.(message)
	return ok
}

// Encode encodes a whole object, whose kind must be set.
func Encode(obj runtime.Object, media Media) ([]byte, error) {
	switch media {
	case Protobuf:
		return encodeProtobuf(obj)
	case CBOR:
		return encodeCBOR(obj)
	case YAML:
		data, err := json.Marshal(obj)
		if err != nil {
			return nil, fmt.Errorf("encoding %T: %w", obj, err)
		}
		return sigsyaml.JSONToYAML(data)
	}
	var buffer bytes.Buffer
	if err := json.NewEncoder(&buffer).Encode(obj); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", obj, err)
	}
	return buffer.Bytes(), nil
}

// Indent rewrites JSON for people to read.
func Indent(data []byte) []byte {
	var buffer bytes.Buffer
	if json.Indent(&buffer, bytes.TrimRight(data, "\n"), "", "  ") != nil {
		return data
	}
	return buffer.Bytes()
}

// Message encodes an object in protobuf without an envelope, as items of a list are.
func Message(obj runtime.Object) ([]byte, error) {
	m, ok := obj.(message)
	if !ok {
		return nil, fmt.Errorf("encoding %T: it has no protobuf form", obj)
	}
	data := make([]byte, m.Size())
	n, err := m.MarshalToSizedBuffer(data)
	if err != nil {
		return nil, fmt.Errorf("encoding %T: %w", obj, err)
	}
	return data[len(data)-n:], nil
}

// encodeProtobuf marshals the message straight into its envelope.
func encodeProtobuf(obj runtime.Object) ([]byte, error) {
	m, ok := obj.(message)
	if !ok {
		return nil, fmt.Errorf("encoding %T: it has no protobuf form", obj)
	}
	size := m.Size()
	out := EnvelopeHead(make([]byte, 0, maxHead+size+len(envelopeTail)), obj.GetObjectKind().GroupVersionKind(), size)
	head := len(out)
	if need := head + size + len(envelopeTail); need <= cap(out) {
		out = out[:need]
	} else {
		out = append(out, make([]byte, need-head)...)
	}
	if _, err := m.MarshalToSizedBuffer(out[head : head+size]); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", obj, err)
	}
	copy(out[head+size:], envelopeTail)
	return out, nil
}

// maxHead is how long the head of an envelope is at most of the kinds that are built in.
const maxHead = 128

// envelopeTail is the empty contentEncoding and contentType that end an envelope.
const envelopeTail = "\x1a\x00\x22\x00"

// EnvelopeHead appends what comes before a protobuf message of the given size: the magic number and the kind. What
// comes behind is EnvelopeTail.
func EnvelopeHead(out []byte, kind schema.GroupVersionKind, size int) []byte {
	apiVersion, name := kind.ToAPIVersionAndKind()
	out = append(out, magic...)
	typeMeta := 2 + len(apiVersion) + 2 + len(name) // both shorter than 128 bytes in every kind
	if len(apiVersion) > 127 || len(name) > 127 {
		typeMeta = 1 + varintSize(len(apiVersion)) + len(apiVersion) + 1 + varintSize(len(name)) + len(name)
	}
	out = appendTag(out, 1, typeMeta)
	out = appendTag(out, 1, len(apiVersion))
	out = append(out, apiVersion...)
	out = appendTag(out, 2, len(name))
	out = append(out, name...)
	return appendTag(out, 2, size)
}

// EnvelopeTail ends an envelope.
func EnvelopeTail() string { return envelopeTail }

// appendTag appends the header of a length-delimited protobuf field.
func appendTag(out []byte, field, size int) []byte {
	out = append(out, byte(field<<3|2))
	return appendVarint(out, size)
}

func appendVarint(out []byte, v int) []byte {
	for v >= 0x80 {
		out = append(out, byte(v)|0x80)
		v >>= 7
	}
	return append(out, byte(v))
}

func varintSize(v int) int {
	size := 1
	for v >= 0x80 {
		v >>= 7
		size++
	}
	return size
}

// YAMLFromJSON rewrites JSON as YAML.
func YAMLFromJSON(data []byte) ([]byte, error) { return sigsyaml.JSONToYAML(data) }
