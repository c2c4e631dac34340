package apiserver

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// maxBody is the most that a client may send.
const maxBody = 3 << 20

// readBody reads what the client sent, and refuses more than maxBody.
func (c *call) readBody() ([]byte, error) {
	if c.r.ContentLength > maxBody {
		// A client that is cut off while it writes does not see the answer.
		_, _ = io.CopyN(io.Discard, c.r.Body, maxBody)
		return nil, bodyTooLarge()
	}
	data, err := readAll(http.MaxBytesReader(nil, c.r.Body, maxBody), c.r.ContentLength)
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, bodyTooLarge()
	}
	if err != nil && c.ctx().Err() != nil {
		return nil, c.ctx().Err() // that of the client's time, not of what it sent
	}
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("reading body: %v", err))
	}
	if c.CBOR && len(data) > 0 && codec.IsCBOR(c.r.Header.Get("Content-Type")) {
		return c.fromCBOR(data)
	}
	return data, nil
}

// readAll reads what is expected to be so long, if that is known.
func readAll(from io.Reader, expected int64) ([]byte, error) {
	if expected <= 0 {
		return io.ReadAll(from)
	}
	buffer := bytes.NewBuffer(make([]byte, 0, min(expected, trusted)+bytes.MinRead))
	_, err := buffer.ReadFrom(from)
	return buffer.Bytes(), err
}

// trusted is how much memory a client gets for saying that it will send so much.
const trusted = 64 << 10

// fromCBOR rewrites a body as JSON, in which it is read like all others.
func (c *call) fromCBOR(data []byte) ([]byte, error) {
	plain, err := codec.JSONFromCBOR(data)
	if err == nil {
		return plain, nil
	}
	if c.info.Verb == "patch" {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("error decoding YAML: %v", err))
	}
	return nil, apierrors.NewBadRequest(fmt.Sprintf("the object provided is unrecognized (must be of type %s): unable to determine group/version/kind: %v (%x)",
		c.at.gvk.Kind, err, data[:min(len(data), maxShown)]))
}

// maxShown is how much of a body is shown that cannot be read.
const maxShown = 30

// contentType of the body.
func (c *call) media() (codec.Media, error) {
	media, ok := codec.ParseMedia(c.r.Header.Get("Content-Type"))
	if !ok && c.CBOR && codec.IsCBOR(c.r.Header.Get("Content-Type")) {
		return codec.JSON, nil // as which readBody hands it on
	}
	if !ok {
		return 0, unsupportedMedia(c.supported())
	}
	return media, nil
}

// readInto decodes the body into an object of the kind, and deals with what a strict reading finds.
func (c *call) readInto(into runtime.Object, kind schema.GroupVersionKind, o writeOptions) error {
	body, err := c.body(into, o)
	if err != nil {
		return err
	}
	faults, err := c.decoder.Decode(body, kind, into)
	if err != nil {
		return err
	}
	return c.judge(faults, kind, o)
}

// body reads what is to be decoded into an object.
func (c *call) body(into runtime.Object, o writeOptions) (codec.Body, error) {
	media, err := c.media()
	if err != nil {
		return codec.Body{}, err
	}
	if media == codec.Protobuf && !codec.HasProtobuf(into) {
		return codec.Body{}, unsupportedMedia(c.supportedText())
	}
	data, err := c.readBody()
	return codec.Body{Data: data, Media: media, Strict: o.looksForFaults()}, err
}

// judge refuses faults, warns of them, or lets them pass.
func (c *call) judge(faults []error, kind schema.GroupVersionKind, o writeOptions) error {
	if len(faults) == 0 || o.validation == metav1.FieldValidationIgnore {
		return nil
	}
	if o.validation == metav1.FieldValidationStrict {
		return apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v",
			kind.Kind, kind.Version, kind.Kind, runtime.NewStrictDecodingError(faults)))
	}
	for _, fault := range faults {
		warning.Add(c.ctx(), fault.Error())
	}
	return nil
}

// readObject decodes the body into the endpoint's version and fills in defaults.
func (c *call) readObject(o writeOptions) (resource.Object, error) {
	obj := c.at.version.New()
	body, err := c.body(obj, o)
	if err != nil {
		return nil, err
	}
	return obj, c.decodeSent(body, obj, o)
}

// decodeSent decodes a body into an empty object of the endpoint's version.
func (c *call) decodeSent(body codec.Body, obj resource.Object, o writeOptions) error {
	faults, err := c.decodeObject(body, obj)
	if err != nil {
		return err
	}
	if err := c.at.fitVersion(obj); err != nil {
		return err
	}
	return c.judge(faults, c.at.gvk, o)
}

// stored defaults an object of the endpoint's version and converts it to the storage version.
func (at *endpoint) stored(obj resource.Object) (resource.Object, error) {
	if at.version.Default != nil {
		at.version.Default(obj)
	}
	if at.same {
		return obj, nil
	}
	converted, err := at.version.ToStorage(obj)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	converted.GetObjectKind().SetGroupVersionKind(at.kind.gvk)
	return converted, nil
}

// groupKind is what an object that is refused is called: as it is stored.
func (at *endpoint) groupKind(obj resource.Object) schema.GroupKind {
	if at.custom != nil {
		return schema.GroupKind{Group: at.gvk.Group, Kind: obj.GetObjectKind().GroupVersionKind().Kind} // which may be what is wrong
	}
	if home := at.row.StoredIn; home != nil {
		return schema.GroupKind{Group: home.Group, Kind: home.Kind}
	}
	return at.gvk.GroupKind()
}
