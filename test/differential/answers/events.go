package answers

import (
	"encoding/json"
	"io"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
)

// mostOfEvent bounds an event in CBOR.
const mostOfEvent = 1 << 20

// Events reads the events of a watch one after the other, each as JSON.
func Events(contentType string, body io.ReadCloser) func() ([]byte, error) {
	if strings.HasPrefix(contentType, "application/cbor-seq") {
		frames, buffer := cbor.NewFramer().NewFrameReader(body), make([]byte, mostOfEvent)
		return func() ([]byte, error) {
			n, err := frames.Read(buffer)
			if err != nil {
				return nil, err
			}
			return fromCBOR(buffer[:n])
		}
	}
	decoder := json.NewDecoder(body)
	return func() ([]byte, error) {
		var event json.RawMessage
		err := decoder.Decode(&event)
		return event, err
	}
}

// fromCBOR is what is in CBOR as JSON.
func fromCBOR(data []byte) ([]byte, error) {
	var value any
	if err := direct.Unmarshal(data, &value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}
