package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
)

const (
	typeCBOR = "application/cbor"
	// TypeCBORSequence is what a watch in CBOR is sent as.
	TypeCBORSequence = "application/cbor-seq"
	// typeCBORApply is a configuration to be applied.
	typeCBORApply = "application/apply-patch+cbor"
)

// selfDescribed begins every object in CBOR: a tag that says what it is.
var selfDescribed = []byte{0xd9, 0xd9, 0xf7}

// SupportedWithCBOR is Supported where CBOR is served.
func SupportedWithCBOR() []string { return append(Supported(), typeCBOR) }

// SupportedTextWithCBOR is SupportedText where CBOR is served.
func SupportedTextWithCBOR() []string { return append(SupportedText(), typeCBOR) }

// NegotiateWithCBOR is Negotiate where CBOR is served, too.
func NegotiateWithCBOR(header string, allow func(Accepted) bool) (Accepted, bool) {
	return negotiate(header, allow, true)
}

// IsCBOR says whether a body of the content type is in CBOR.
func IsCBOR(contentType string) bool {
	name, _, err := mime.ParseMediaType(contentType)
	return err == nil && (name == typeCBOR || name == typeCBORApply)
}

func encodeCBOR(obj runtime.Object) ([]byte, error) {
	var out bytes.Buffer
	if err := cbor.NewSerializer(nil, nil, cbor.Transcode(true)).Encode(obj, &out); err != nil {
		return nil, fmt.Errorf("encoding %T: %w", obj, err)
	}
	return out.Bytes(), nil
}

// JSONFromCBOR rewrites CBOR as JSON.
func JSONFromCBOR(data []byte) ([]byte, error) { return fromCBOR[any](data) }

// MapFromCBOR rewrites CBOR that must be a map as JSON.
func MapFromCBOR(data []byte) ([]byte, error) { return fromCBOR[map[string]any](data) }

func fromCBOR[T any](data []byte) ([]byte, error) {
	var value T
	if err := direct.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// writeFrameCBOR writes an event as a map of two members.
func writeFrameCBOR(w io.Writer, eventType string, object [][]byte) error {
	head := append(bytes.Clone(selfDescribed), 0xa2)
	head = appendString(appendString(appendString(head, "type"), eventType), "object")
	return writeAll(w, append([][]byte{head}, object...)...)
}

// headCBOR is a list up to its items, which come without the tag of a document of their own.
func (l *List) headCBOR() ([]byte, error) {
	meta, err := direct.Marshal(l.Meta)
	if err != nil {
		return nil, fmt.Errorf("encoding list metadata: %w", err)
	}
	size := 0
	for _, run := range l.Items {
		size += len(run)
	}
	apiVersion, kind := l.Kind.ToAPIVersionAndKind()
	head := append(bytes.Clone(selfDescribed), 0xa4)
	head = appendString(appendString(head, "kind"), kind)
	head = appendString(appendString(head, "apiVersion"), apiVersion)
	head = append(appendString(head, "metadata"), meta...)
	return appendHead(appendString(head, "items"), 4, size), nil
}

func writeRunCBOR(w io.Writer, run [][]byte) error {
	for _, item := range run {
		if err := writeAll(w, bytes.TrimPrefix(item, selfDescribed)); err != nil {
			return err
		}
	}
	return nil
}

// appendString appends text as a byte string, as all text is in the CBOR of Kubernetes.
func appendString(out []byte, text string) []byte {
	return append(appendHead(out, 2, len(text)), text...)
}

// appendHead begins an item of a major type that has a length.
func appendHead(out []byte, major byte, n int) []byte {
	switch major <<= 5; {
	case n < 24:
		return append(out, major|byte(n))
	case n < 1<<8:
		return append(out, major|24, byte(n))
	case n < 1<<16:
		return append(out, major|25, byte(n>>8), byte(n))
	}
	return append(out, major|26, byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
}
