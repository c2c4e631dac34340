package apiserver

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Custom is one version of a resource whose objects have no Go type: of a CustomResourceDefinition. Each version is a row of its own,
// for schema, columns, fields and subresources may differ; all of them share one storage, in which each object is kept in the
// version in which it was written.
type Custom struct {
	Row    *resource.Resource
	Codec  CustomCodec
	Fields FieldManager
	// Terminating refuses new objects while it is set: the definition is being deleted.
	Terminating *atomic.Bool
}

// CustomCodec stands between objects in one version and what is stored. No method keeps or changes what it is given, but for Accept.
type CustomCodec interface {
	// Accept drops from a decoded body what the schema does not have and returns that as faults; the error is why it is no object at all.
	Accept(obj resource.Object) (faults []error, err error)
	// Decode reads a stored value in whatever version it is.
	Decode(value []byte) (resource.Object, error)
	// Show returns decoded objects in the codec's version; it may return what it is given.
	Show(ctx context.Context, objects []resource.Object) ([]resource.Object, error)
	// Encode returns what is to be stored.
	Encode(ctx context.Context, obj resource.Object) ([]byte, error)
}

// ServeCustom starts to serve the versions of one resource, in place of what was served under its name. Its watches end.
func (s *Server) ServeCustom(versions ...Custom) error {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	next := s.kinds.Load().without(versions[0].Row.GroupResource())
	for i := range versions {
		k, err := s.newKind(versions[i].Row, next, &versions[i])
		if err != nil {
			return fmt.Errorf("serving %s: %w", versions[i].Row.GroupResource(), err)
		}
		next.add(k)
	}
	s.kinds.Store(next)
	return nil
}

// object of an entry in the form in which verbs work with it: the storage version, or that of a custom resource's endpoint.
func (at *endpoint) object(ctx context.Context, entry *cache.Entry) (resource.Object, error) {
	if entry.Err != nil {
		return nil, entry.Err
	}
	obj := entry.Object.(resource.Object)
	if at.packer != nil {
		return wholeDefinition(obj)
	}
	if at.custom == nil || at.holds(obj) {
		return obj, nil
	}
	if known := entry.View(at.version.Name); known != nil {
		return known.(resource.Object), nil
	}
	shown, err := at.custom.Codec.Show(ctx, []resource.Object{obj})
	if err != nil {
		return nil, err
	}
	entry.SetView(at.version.Name, shown[0])
	return shown[0], nil
}

// holds says whether a custom object is stored in the endpoint's version.
func (at *endpoint) holds(obj runtime.Object) bool {
	return obj.GetObjectKind().GroupVersionKind().Version == at.version.Name
}

// prepare converts what a list needs all at once.
func (at *endpoint) prepare(ctx context.Context, entries []*cache.Entry) error {
	if at.custom == nil {
		return nil
	}
	var waiting []*cache.Entry
	var objects []resource.Object
	for _, entry := range entries {
		if entry.Err == nil && !at.holds(entry.Object) && entry.View(at.version.Name) == nil {
			waiting, objects = append(waiting, entry), append(objects, entry.Object.(resource.Object))
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	shown, err := at.custom.Codec.Show(ctx, objects)
	if err != nil {
		return err
	}
	for i, entry := range waiting {
		entry.SetView(at.version.Name, shown[i])
	}
	return nil
}

// inVersion is a stored object in the endpoint's version, for selectors.
func (at *endpoint) inVersion(ctx context.Context, obj resource.Object) (resource.Object, error) {
	if at.custom == nil || at.holds(obj) {
		return obj, nil
	}
	shown, err := at.custom.Codec.Show(ctx, []resource.Object{obj})
	if err != nil {
		return nil, err
	}
	return shown[0], nil
}

// encodeStored is what is to be stored of an object that a verb has worked with.
func (at *endpoint) encodeStored(ctx context.Context, obj resource.Object) ([]byte, error) {
	if at.custom != nil {
		return at.custom.Codec.Encode(ctx, obj)
	}
	if at.kind.row.StoredAsJSON {
		return encodeObject(obj, codec.JSON)
	}
	return codec.EncodeStored(obj)
}

// committed is the object as others will read it, after a value made of it was stored.
func (at *endpoint) committed(ctx context.Context, obj resource.Object, value []byte, revision int64) (resource.Object, error) {
	obj, err := at.readBack(ctx, obj, value)
	if err != nil {
		return nil, err
	}
	obj.SetResourceVersion(strconv.FormatInt(revision, 10))
	return obj, nil
}

// readBack is the object as it comes back out of a value that was made of it: conversions may not lead back to where they came from.
func (at *endpoint) readBack(ctx context.Context, obj resource.Object, value []byte) (resource.Object, error) {
	if at.custom == nil {
		return obj, nil
	}
	kept, err := at.custom.Codec.Decode(value)
	if err != nil || at.holds(kept) {
		return obj, err
	}
	return at.inVersion(ctx, kept)
}

// decodeObject reads a body into an object of the endpoint's version.
func (c *call) decodeObject(body codec.Body, into resource.Object) ([]error, error) {
	if c.at.packer != nil && c.decodeDefinition(body, into) {
		return nil, nil
	}
	if c.at.custom == nil {
		return c.decoder.Decode(body, c.at.gvk, into)
	}
	faults, err := c.decoder.DecodeUntyped(body, c.at.gvk, into)
	if err != nil {
		return nil, err
	}
	more, err := c.at.custom.Codec.Accept(into)
	return append(faults, more...), err
}

// fitVersion refuses a custom resource of another version than that of the path. Another kind is left to the validation.
func (at *endpoint) fitVersion(obj resource.Object) error {
	if has, want := obj.GetObjectKind().GroupVersionKind().GroupVersion(), at.gvk.GroupVersion(); at.custom != nil && has != want {
		return apierrors.NewBadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)", has, want))
	}
	return nil
}

// unversioned is what a write without a resourceVersion is refused for.
func (at *endpoint) unversioned() schema.GroupKind {
	return schema.GroupKind{Group: at.row.Group, Kind: at.row.Name}
}

// fields is who manages the fields of the endpoint's objects; nil for nobody.
func (c *call) fields() FieldManager {
	if c.at.custom != nil {
		return c.at.custom.Fields
	}
	if c.FieldManager == nil || !c.strategic() {
		return nil
	}
	return c.FieldManager
}

// errTerminating refuses a new object of a definition that goes.
func (c *call) errTerminating(name string) error {
	if c.at.custom == nil || c.at.custom.Terminating == nil || !c.at.custom.Terminating.Load() {
		return nil
	}
	return apierrors.NewForbidden(c.groupResource(), name, errTerminating)
}

var errTerminating = errors.New("create not allowed while custom resource definition is terminating")
