package codec

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// Decoder reads objects from the wire.
type Decoder struct {
	lax, strict [2]runtime.Serializer // by JSON and YAML
	protobuf    runtime.Serializer
	cbor        map[bool]runtime.Serializer // by whether it is strict
}

// NewDecoder returns a decoder for the types that scheme knows. It is made once.
func NewDecoder(scheme *runtime.Scheme) *Decoder {
	d := &Decoder{protobuf: protobuf.NewSerializer(scheme, scheme), cbor: map[bool]runtime.Serializer{}}
	for _, strict := range []bool{false, true} {
		d.cbor[strict] = cbor.NewSerializer(scheme, scheme, cbor.Strict(strict))
	}
	for media, yaml := range []bool{false, true} {
		d.lax[media] = json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: yaml})
		d.strict[media] = json.NewSerializerWithOptions(json.DefaultMetaFactory, scheme, scheme, json.SerializerOptions{Yaml: yaml, Strict: true})
	}
	return d
}

// Body is what a client sent.
type Body struct {
	Data  []byte
	Media Media
	// CBOR is the body as it was sent, where Data is CBOR rewritten as JSON.
	CBOR []byte
	// Strict reports unknown and duplicate fields.
	Strict bool
}

// Decode reads the body into an object of the given kind; a kind that the body leaves out is understood. The faults are
// those that a strict reading finds; the error is a Status.
func (d *Decoder) Decode(body Body, kind schema.GroupVersionKind, into runtime.Object) (faults []error, err error) {
	inJSON := body.Media == JSON && body.CBOR == nil
	if body.Media == Protobuf && decodeExact(body.Data, kind, into) || inJSON && body.Strict && decodeFaultless(body.Data, kind, into) {
		return nil, nil
	}
	serializer := d.protobuf
	switch {
	case body.Media == Protobuf:
	case body.CBOR != nil:
		serializer, body.Data = d.cbor[body.Strict], body.CBOR
	case body.Strict:
		serializer = d.strict[body.Media]
	default:
		serializer = d.lax[body.Media]
	}
	faults, found, actual, err := decodeWith(serializer, body, kind, into)
	if err != nil {
		return nil, err
	}
	if found != into {
		return nil, mismatch(*actual, kind)
	}
	if actual.GroupVersion() != kind.GroupVersion() {
		return nil, mismatch(*actual, kind)
	}
	into.GetObjectKind().SetGroupVersionKind(kind)
	return faults, nil
}

// decodeExact reads a message of just that kind, as nearly all are, without copying it and without asking what kinds there are. It
// returns false, and leaves the object empty, where there is anything to say about the message.
func decodeExact(data []byte, kind schema.GroupVersionKind, into runtime.Object) bool {
	if !bytes.HasPrefix(data, magic) || !bytes.HasSuffix(data, []byte(envelopeTail)) {
		return false
	}
	found, raw, err := openEnvelope(data[len(magic):])
	m, ok := into.(interface{ Unmarshal([]byte) error })
	if err != nil || !ok || found != kind || raw == nil {
		return false
	}
	if m.Unmarshal(raw) != nil {
		Clear(into)
		return false
	}
	into.GetObjectKind().SetGroupVersionKind(kind)
	return true
}

// decodeFaultless reads JSON that says that it is of just that kind and with which a strict reading finds no fault, as nearly all is,
// without reading it once more for its kind. It returns false, and leaves the object empty, where there is anything to say about it.
func decodeFaultless(data []byte, kind schema.GroupVersionKind, into runtime.Object) bool {
	faults, err := kjson.UnmarshalStrict(data, into)
	if err == nil && len(faults) == 0 && into.GetObjectKind().GroupVersionKind() == kind {
		return true
	}
	Clear(into)
	return false
}

// DecodeUntyped reads a body in JSON or YAML into an object of any kind, which is left to the caller to judge.
func (d *Decoder) DecodeUntyped(body Body, kind schema.GroupVersionKind, into runtime.Object) (faults []error, err error) {
	serializer := d.lax[body.Media]
	if body.Strict {
		serializer = d.strict[body.Media]
	}
	faults, _, _, err = decodeWith(serializer, body, kind, into)
	return faults, err
}

func decodeWith(serializer runtime.Serializer, body Body, kind schema.GroupVersionKind, into runtime.Object) ([]error, runtime.Object, *schema.GroupVersionKind, error) {
	found, actual, err := serializer.Decode(body.Data, &kind, into)
	if strict, ok := runtime.AsStrictDecodingError(err); ok {
		return strict.Errors(), found, actual, nil
	}
	if err != nil {
		return nil, nil, nil, refusal(err, kind, actual, body)
	}
	return nil, found, actual, nil
}

// mismatch refuses a kind that is known, but not the one that belongs here.
func mismatch(actual, want schema.GroupVersionKind) error {
	if actual.Kind == want.Kind {
		return apierrors.NewBadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)",
			actual.GroupVersion(), want.GroupVersion()))
	}
	group, _, _ := strings.Cut(want.Group, ".")
	if group == "" {
		group = "core"
	}
	return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: converting (%s.%s) to (%s.%s): unknown conversion",
		actual.Kind, actual.Version, want.Kind, actual.Version, actual.Kind, group, want.Kind))
}

func refusal(err error, want schema.GroupVersionKind, actual *schema.GroupVersionKind, body Body) error {
	if actual != nil && actual.Kind != "" {
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", actual.Kind, actual.Version, want.Kind, err))
	}
	return apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): %v (%s)",
		want.Kind, err, Summary(body.Data)))
}

// Summary shows the start of a body that could not be understood.
func Summary(data []byte) string {
	const most = 30
	if len(data) == 0 {
		return "<empty>"
	}
	shown, rest := data, ""
	if len(data) > most {
		shown, rest = data[:most], " ..."
	}
	if data[0] != '{' || !utf8.Valid(shown) {
		return fmt.Sprintf("%x%s", shown, rest)
	}
	return string(shown) + rest
}

// DecodePlain reads a body into an object without asking what kinds there are, and returns the kind that the body says
// it is of.
func DecodePlain(data []byte, media Media, into runtime.Object) (schema.GroupVersionKind, error) {
	switch {
	case media == YAML:
		converted, err := yaml.YAMLToJSON(data)
		if err != nil {
			return schema.GroupVersionKind{}, err // which is told clients as it is
		}
		data = converted
	case bytes.HasPrefix(data, magic):
		return DecodeStored(data, into)
	}
	kind, err := json.DefaultMetaFactory.Interpret(data)
	if err != nil {
		return schema.GroupVersionKind{}, err
	}
	return *kind, kjson.UnmarshalCaseSensitivePreserveInts(data, into)
}
