package call

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/schemas"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// MaxBody is the most that a client may send.
const MaxBody = 3 << 20

// ReadBody reads what the client sent, and refuses more than maxBody.
func (c *Call) ReadBody() ([]byte, error) {
	if c.R.ContentLength > MaxBody {
		// A client that is cut off while it writes does not see the answer.
		_, _ = io.CopyN(io.Discard, c.R.Body, MaxBody)
		return nil, bodyTooLarge()
	}
	data, err := readAll(http.MaxBytesReader(nil, c.R.Body, MaxBody), c.R.ContentLength)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, bodyTooLarge()
	}
	if err != nil && c.Context().Err() != nil {
		return nil, c.Context().Err() // that of the client's time, not of what it sent
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("reading body: %v", err))
	}
	if c.CBOR && len(data) > 0 && codec.IsCBOR(c.R.Header.Get("Content-Type")) {
		return c.fromCBOR(data)
	}
	return data, nil
}

// readAll reads what is expected to be so long, if that is known.
func readAll(from io.Reader, expected int64) ([]byte, error) {
	if expected <= 0 {
		return io.ReadAll(from)
	}
	data, n := make([]byte, min(expected, trusted)+1), 0 // one more, so that the end is found without more memory
	for n < len(data) {
		more, err := from.Read(data[n:])
		n += more
		if err == io.EOF { // and no other: a body that is cut off ends otherwise
			return data[:n], nil
		}
		if err != nil {
			return nil, err
		}
	}
	rest, err := io.ReadAll(from)
	return append(data, rest...), err
}

// trusted is how much memory a client gets for saying that it will send so much.
const trusted = 64 << 10

// fromCBOR rewrites a body as JSON, in which it is read like all others.
func (c *Call) fromCBOR(data []byte) ([]byte, error) {
	if c.Info.Verb == "patch" {
		plain, err := codec.MapFromCBOR(data)
		if err != nil {
			return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
		}
		return plain, nil
	}
	plain, err := codec.JSONFromCBOR(data)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): unable to determine group/version/kind: %v (%s)",
			c.At.GVK.Kind, err, codec.Summary(data)))
	}
	c.cbor = data
	return plain, nil
}

// sentAs is the media type of the body.
func (c *Call) sentAs() (codec.Media, error) {
	media, ok := codec.ParseMedia(c.R.Header.Get("Content-Type"))
	if !ok && c.CBOR && codec.IsCBOR(c.R.Header.Get("Content-Type")) {
		return codec.JSON, nil // as which ReadBody hands it on
	}
	if !ok {
		return 0, refusal.UnsupportedMedia(c.Supported())
	}
	return media, nil
}

// ReadInto decodes the body into an object of the kind, and deals with what a strict reading finds.
func (c *Call) ReadInto(into runtime.Object, kind schema.GroupVersionKind, o WriteOptions) error {
	body, err := c.Body(into, o)
	if err != nil {
		return err
	}
	faults, err := c.Decoder.Decode(body, kind, into)
	if err != nil {
		return err
	}
	if err := c.Judge(faults, kind, o); err != nil {
		return err
	}
	c.Record(into, kind)
	return nil
}

// Record tells the audit log what the body is.
func (c *Call) Record(obj runtime.Object, kind schema.GroupVersionKind) {
	named, _ := obj.(metav1.Object)
	audit.Sent(c.Context(), named, func() ([]byte, error) {
		shown := obj.DeepCopyObject()
		if whole, ok := shown.(resource.Object); ok && kind == c.At.GVK && c.At.Version.Default != nil {
			c.At.Version.Default(whole)
		}
		shown.GetObjectKind().SetGroupVersionKind(kind)
		return kinds.Encode(shown, codec.JSON)
	})
}

// Body reads what is to be decoded into an object.
func (c *Call) Body(into runtime.Object, o WriteOptions) (codec.Body, error) {
	media, err := c.sentAs()
	if err != nil {
		return codec.Body{}, err
	}
	if media == codec.Protobuf && !codec.HasProtobuf(into) {
		return codec.Body{}, refusal.UnsupportedMedia(c.SupportedText())
	}
	data, err := c.ReadBody()
	return codec.Body{Data: data, Media: media, CBOR: c.cbor, Strict: o.LooksForFaults()}, err
}

// severalInYAML begins what is wrong with a body in YAML; each line after it is one fault.
const severalInYAML = "yaml: unmarshal errors:\n"

// Judge refuses faults, warns of them, or lets them pass.
func (c *Call) Judge(faults []error, kind schema.GroupVersionKind, o WriteOptions) error {
	if len(faults) == 0 || o.Validation == metav1.FieldValidationIgnore {
		return nil
	}
	if o.Validation == metav1.FieldValidationStrict {
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v",
			kind.Kind, kind.Version, kind.Kind, runtime.NewStrictDecodingError(faults)))
	}
	for _, fault := range faults {
		for line := range strings.Lines(strings.TrimPrefix(fault.Error(), severalInYAML)) {
			warning.Add(c.Context(), strings.TrimSpace(line))
		}
	}
	return nil
}

// ReadObject decodes the body into the endpoint's version and fills in defaults.
func (c *Call) ReadObject(o WriteOptions) (resource.Object, error) {
	obj := c.At.Version.New()
	body, err := c.Body(obj, o)
	if err != nil {
		return nil, err
	}
	return obj, c.DecodeSent(body, obj, o)
}

// DecodeSent decodes a body into an empty object of the endpoint's version.
func (c *Call) DecodeSent(body codec.Body, obj resource.Object, o WriteOptions) error {
	faults, err := c.DecodeObject(body, obj)
	if err != nil {
		return err
	}
	if err := c.At.FitVersion(obj); err != nil {
		return err
	}
	if err := c.Judge(faults, c.At.GVK, o); err != nil {
		return err
	}
	c.Record(obj, c.At.GVK)
	return nil
}

// DecodeObject reads a body into an object of the endpoint's version.
func (c *Call) DecodeObject(body codec.Body, into resource.Object) ([]error, error) {
	if c.At.KeepsPacked() && c.decodeDefinition(body, into) {
		return nil, nil
	}
	if c.At.Custom == nil {
		return c.Decoder.Decode(body, c.At.GVK, into)
	}
	faults, err := c.Decoder.DecodeUntyped(body, c.At.GVK, into)
	if err != nil {
		return nil, err
	}
	more, err := c.At.Custom.Codec.Accept(into)
	return append(faults, more...), err
}

func bodyTooLarge() error {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", MaxBody))
}

// decodeDefinition reads a definition that a client sent. It returns false for what should be read as all else is, to tell what is wrong.
func (c *Call) decodeDefinition(body codec.Body, into resource.Object) bool {
	d, ok := into.(*apiextensionsv1.CustomResourceDefinition)
	if !ok || body.Media != codec.JSON {
		return false
	}
	split, ok := schemas.Take(body.Data)
	if !ok {
		return false
	}
	body.Data = split.Rest
	if faults, err := c.Decoder.Decode(body, c.At.GVK, d); err == nil && len(faults) == 0 && split.Fill(d) {
		return true
	}
	codec.Clear(d)
	return false
}
