package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// List is a list whose items are already encoded one by one: whole objects in JSON, bare messages in protobuf.
type List struct {
	Kind schema.GroupVersionKind // of the list
	Item schema.GroupVersionKind
	Meta metav1.ListMeta
	// Items are in runs of neighbours, one or more.
	Items [][][]byte
	// Whole lists show an empty continue as well, as those of kinds without a Go type do.
	Whole bool
	// KeepKinds leaves the kind of each item in place (custom resources); others drop it, as the list says it.
	KeepKinds bool
}

// Write splices the list together. Its memory does not grow with the list.
func (l *List) Write(w io.Writer, media Media) error {
	head, between, tail, err := l.Around(media)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	for i, run := range l.Items {
		if i > 0 && between != "" {
			if _, err := io.WriteString(w, between); err != nil {
				return err
			}
		}
		if err := l.WriteRun(w, media, run); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, tail)
	return err
}

// Around returns what comes before all runs, between two of them, and behind them.
func (l *List) Around(media Media) (head []byte, between, tail string, err error) {
	switch media {
	case Protobuf:
		head, err = l.headProtobuf()
		return head, "", envelopeTail, err
	case CBOR:
		head, err = l.headCBOR()
		return head, "", "", err
	}
	head, err = l.headJSON()
	return head, ",", "]}\n", err
}

// WriteRun writes the items of one run.
func (l *List) WriteRun(w io.Writer, media Media, run [][]byte) error {
	switch media {
	case Protobuf:
		return writeRunProtobuf(w, run)
	case CBOR:
		return writeRunCBOR(w, run)
	}
	prefix := kindPrefix(l.Item)
	for i, item := range run {
		if i > 0 {
			if _, err := io.WriteString(w, ","); err != nil {
				return err
			}
		}
		if err := writeItem(w, item, prefix, l.KeepKinds); err != nil {
			return err
		}
	}
	return nil
}

func (l *List) headJSON() ([]byte, error) {
	meta, err := json.Marshal(l.Meta)
	if err != nil {
		return nil, fmt.Errorf("encoding list metadata: %w", err)
	}
	if l.Whole && l.Meta.Continue == "" {
		meta = append([]byte(`{"continue":"",`), meta[1:]...)
	}
	apiVersion, kind := l.Kind.ToAPIVersionAndKind()
	return slices.Concat([]byte(`{"kind":"`+kind+`","apiVersion":"`+apiVersion+`","metadata":`), meta, []byte(`,"items":[`)), nil
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

func (l *List) headProtobuf() ([]byte, error) {
	meta := make([]byte, l.Meta.Size())
	if _, err := l.Meta.MarshalToSizedBuffer(meta); err != nil {
		return nil, fmt.Errorf("encoding list metadata: %w", err)
	}
	size := 1 + varintSize(len(meta)) + len(meta)
	for _, run := range l.Items {
		for _, item := range run {
			size += 1 + varintSize(len(item)) + len(item)
		}
	}
	return append(appendTag(EnvelopeHead(nil, l.Kind, size), 1, len(meta)), meta...), nil
}

func writeRunProtobuf(w io.Writer, run [][]byte) error {
	var tag [12]byte
	for _, item := range run {
		if err := writeAll(w, appendTag(tag[:0], 2, len(item)), item); err != nil {
			return err
		}
	}
	return nil
}
