package kinds

import (
	"context"
	"strconv"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Object of an entry in the form in which verbs work with it: the storage version, or that of a custom resource's endpoint.
func (at *Endpoint) Object(ctx context.Context, entry *cache.Entry) (resource.Object, error) {
	if entry.Err != nil {
		return nil, entry.Err
	}
	obj := entry.Object.(resource.Object)
	if at.packer != nil {
		return wholeDefinition(obj)
	}
	if at.Custom == nil || at.holds(obj) {
		return obj, nil
	}
	if known := entry.View(at.Version.Name); known != nil {
		return known.(resource.Object), nil
	}
	shown, err := at.Custom.Codec.Show(ctx, []resource.Object{obj})
	if err != nil {
		return nil, err
	}
	entry.SetView(at.Version.Name, shown[0])
	return shown[0], nil
}

// IsAtHand tells whether Object need convert nothing, for which a webhook may have to be asked.
func (at *Endpoint) IsAtHand(entry *cache.Entry) bool {
	return entry.Err != nil || at.Custom == nil || at.holds(entry.Object) || entry.View(at.Version.Name) != nil
}

// holds says whether a custom object is stored in the endpoint's version.
func (at *Endpoint) holds(obj runtime.Object) bool {
	return obj.GetObjectKind().GroupVersionKind().Version == at.Version.Name
}

// Prepare converts what a list needs all at once.
func (at *Endpoint) Prepare(ctx context.Context, entries []*cache.Entry) error {
	if at.Custom == nil {
		return nil
	}
	var waiting []*cache.Entry
	var objects []resource.Object
	for _, entry := range entries {
		if entry.Err == nil && !at.holds(entry.Object) && entry.View(at.Version.Name) == nil {
			waiting, objects = append(waiting, entry), append(objects, entry.Object.(resource.Object))
		}
	}
	if len(waiting) == 0 {
		return nil
	}
	shown, err := at.Custom.Codec.Show(ctx, objects)
	if err != nil {
		return err
	}
	for i, entry := range waiting {
		entry.SetView(at.Version.Name, shown[i])
	}
	return nil
}

// InVersion is a stored object in the endpoint's version, for selectors.
func (at *Endpoint) InVersion(ctx context.Context, obj resource.Object) (resource.Object, error) {
	if at.Custom == nil || at.holds(obj) {
		return obj, nil
	}
	shown, err := at.Custom.Codec.Show(ctx, []resource.Object{obj})
	if err != nil {
		return nil, err
	}
	return shown[0], nil
}

// Encode is what is to be stored of an object that a verb has worked with.
func (at *Endpoint) Encode(ctx context.Context, obj resource.Object) ([]byte, error) {
	if at.Custom != nil {
		return at.Custom.Codec.Encode(ctx, obj)
	}
	if at.Kind.Row.StoredAsJSON {
		return Encode(obj, codec.JSON)
	}
	return codec.EncodeStored(obj)
}

// Committed is the object as others will read it, after a value made of it was stored.
func (at *Endpoint) Committed(ctx context.Context, obj resource.Object, value []byte, revision int64) (resource.Object, error) {
	obj, err := at.ReadBack(ctx, obj, value)
	if err != nil {
		return nil, err
	}
	obj.SetResourceVersion(strconv.FormatInt(revision, 10))
	return obj, nil
}

// ReadBack is the object as it comes back out of a value that was made of it: conversions may not lead back to where they came from,
// a status that nobody may send has defaults when it is read, and protobuf knows no empty lists.
func (at *Endpoint) ReadBack(ctx context.Context, obj resource.Object, value []byte) (resource.Object, error) {
	if at.Custom == nil {
		if !at.Kind.Row.StoredAsJSON {
			at.Kind.emptiesOf().Drop(obj)
		}
		return obj, nil
	}
	kept, err := at.Custom.Codec.Decode(value)
	if err != nil {
		return nil, err
	}
	return at.InVersion(ctx, kept)
}
