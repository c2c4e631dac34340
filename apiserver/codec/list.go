package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// List is a list whose items are already encoded one by one: whole objects in JSON, bare messages in protobuf.
type List struct {
	Kind  schema.GroupVersionKind // of the list
	Item  schema.GroupVersionKind
	Meta  metav1.ListMeta
	Items [][]byte
	// Whole lists show an empty continue as well, as those of kinds without a Go type do.
	Whole bool
	// KeepKinds leaves the kind of each item in place (custom resources); others drop it, as the list says it.
	KeepKinds bool
}

// WriteTo splices the list together. Its memory does not grow with the list.
func (l *List) Write(w io.Writer, media Media) error {
	if media == Protobuf {
		return l.writeProtobuf(w)
	}
	if media == CBOR {
		return l.writeCBOR(w)
	}
	meta, err := json.Marshal(l.Meta)
	if err != nil {
		return fmt.Errorf("encoding list metadata: %w", err)
	}
	if l.Whole && l.Meta.Continue == "" {
		meta = append([]byte(`{"continue":"",`), meta[1:]...)
	}
	apiVersion, kind := l.Kind.ToAPIVersionAndKind()
	if err := writeAll(w, []byte(`{"kind":"`+kind+`","apiVersion":"`+apiVersion+`","metadata":`), meta, []byte(`,"items":[`)); err != nil {
		return err
	}
	prefix := kindPrefix(l.Item)
	for i, item := range l.Items {
		if i > 0 {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
		if err := writeItem(w, item, prefix, l.KeepKinds); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, "]}\n")
	return err
}

func writeItem(w io.Writer, item, prefix []byte, keepKind bool) error {
	item = trimNewline(item)
	if rest, has := bytes.CutPrefix(item, prefix); has && !keepKind {
		return writeAll(w, []byte("{"), rest)
	}
	_, err := w.Write(item)
	return err
}

// kindPrefix is how the encoding of every typed object starts.
func kindPrefix(kind schema.GroupVersionKind) []byte {
	apiVersion, name := kind.ToAPIVersionAndKind()
	return []byte(`{"kind":"` + name + `","apiVersion":"` + apiVersion + `",`)
}

func (l *List) writeProtobuf(w io.Writer) error {
	meta := make([]byte, l.Meta.Size())
	if _, err := l.Meta.MarshalToSizedBuffer(meta); err != nil {
		return fmt.Errorf("encoding list metadata: %w", err)
	}
	size := 1 + varintSize(len(meta)) + len(meta)
	for _, item := range l.Items {
		size += 1 + varintSize(len(item)) + len(item)
	}
	head := appendTag(EnvelopeHead(nil, l.Kind, size), 1, len(meta))
	if err := writeAll(w, head, meta); err != nil {
		return err
	}
	var tag [12]byte
	for _, item := range l.Items {
		if err := writeAll(w, appendTag(tag[:0], 2, len(item)), item); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, envelopeTail)
	return err
}
