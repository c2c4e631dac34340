package codec

import (
	"encoding/binary"
	"io"
)

// WriteFrame writes one event of a watch: eventType ("ADDED"), and the parts of an object that is already encoded. The
// object is copied nowhere: many watchers write the same bytes.
func WriteFrame(w io.Writer, media Media, eventType string, object ...[]byte) error {
	if media == CBOR {
		return writeFrameCBOR(w, eventType, object)
	}
	if media != Protobuf {
		return writeFrameJSON(w, eventType, object)
	}
	size := 0
	for _, part := range object {
		size += len(part)
	}
	raw := 1 + varintSize(size) + size
	event := 1 + varintSize(len(eventType)) + len(eventType) + 1 + varintSize(raw) + raw
	head := binary.BigEndian.AppendUint32(make([]byte, 0, 32+len(eventType)), uint32(event))
	head = appendTag(head, 1, len(eventType))
	head = append(head, eventType...)
	head = appendTag(head, 2, raw)
	if err := writeAll(w, appendTag(head, 1, size)); err != nil {
		return err
	}
	return writeAll(w, object...)
}

func writeFrameJSON(w io.Writer, eventType string, object [][]byte) error {
	if err := writeAll(w, []byte(`{"type":"`+eventType+`","object":`)); err != nil {
		return err
	}
	for _, part := range object {
		if err := writeAll(w, trimNewline(part)); err != nil {
			return err
		}
	}
	return writeAll(w, []byte("}\n"))
}

func writeAll(w io.Writer, parts ...[]byte) error {
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

func trimNewline(data []byte) []byte {
	if n := len(data); n > 0 && data[n-1] == '\n' {
		return data[:n-1]
	}
	return data
}
