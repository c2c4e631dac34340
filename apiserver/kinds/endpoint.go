package kinds

import (
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// Endpoint is a kind served in one version.
type Endpoint struct {
	*Kind
	Version *resource.Version
	GVK     schema.GroupVersionKind
	ListGVK schema.GroupVersionKind
	// same is set where the version is the stored one.
	same bool
	// Protobuf is set where the kind has a protobuf form.
	Protobuf bool
	keys     encodingKeys
	// Scratch are objects of the version that are needed for a moment.
	Scratch sync.Pool
}

// encodingKeys name the encodings that a cache entry keeps.
type encodingKeys struct {
	cbor, json, protobuf, partialJSON, partialProtobuf string
}

// Stored defaults an object of the endpoint's version and converts it to the storage version.
func (at *Endpoint) Stored(obj resource.Object) (resource.Object, error) {
	if at.Version.Default != nil {
		at.Version.Default(obj)
	}
	if at.same {
		return obj, nil
	}
	converted, err := at.Version.ToStorage(obj)
	if err != nil {
		return nil, apierrors.NewBadRequest(err.Error())
	}
	converted.GetObjectKind().SetGroupVersionKind(at.Kind.StoredAs)
	return converted, nil
}

// GroupKind is what an object that is refused is called: as it is stored.
func (at *Endpoint) GroupKind(obj resource.Object) schema.GroupKind {
	if at.Custom != nil {
		return schema.GroupKind{Group: at.GVK.Group, Kind: obj.GetObjectKind().GroupVersionKind().Kind} // which may be what is wrong
	}
	if home := at.Row.StoredIn; home != nil {
		return schema.GroupKind{Group: home.Group, Kind: home.Kind}
	}
	return at.GVK.GroupKind()
}

// FitsScope refuses an object without a namespace under a namespace, and the other way round.
func (at *Endpoint) FitsScope(info *request.Info) bool {
	if at.Row.Name == "namespaces" && at.Row.Group == "" {
		return true
	}
	if !at.Row.Namespaced {
		return info.Namespace == ""
	}
	if info.Namespace != "" {
		return true
	}
	return info.Subresource == "" && (info.Name == "" || info.Verb == "list" || info.Verb == "watch")
}

// FitVersion refuses a custom resource of another version than that of the path. Another kind is left to the validation.
func (at *Endpoint) FitVersion(obj resource.Object) error {
	if has, want := obj.GetObjectKind().GroupVersionKind().GroupVersion(), at.GVK.GroupVersion(); at.Custom != nil && has != want {
		return apierrors.NewBadRequest(fmt.Sprintf("the API version in the data (%s) does not match the expected API version (%s)", has, want))
	}
	return nil
}

// Unversioned is what a write without a resourceVersion is refused for.
func (at *Endpoint) Unversioned() schema.GroupKind {
	return schema.GroupKind{Group: at.Row.Group, Kind: at.Row.Name}
}

// keysOf names encodings. Metadata is the same in all versions, but for what a conversion of custom resources may do to it.
func keysOf(version string, custom bool) encodingKeys {
	keys := encodingKeys{cbor: version + " cbor", json: version + " json", protobuf: version + " protobuf", partialJSON: "partial json", partialProtobuf: "partial protobuf"}
	if custom {
		keys.partialJSON, keys.partialProtobuf = version+" "+keys.partialJSON, version+" "+keys.partialProtobuf
	}
	return keys
}

// EncodingKey names the encoding that a cache entry keeps for a media type, of whole objects or of their metadata alone.
func (at *Endpoint) EncodingKey(media codec.Media, partial bool) string {
	switch {
	case media == codec.CBOR && partial:
		return at.keys.cbor + " partial"
	case media == codec.CBOR:
		return at.keys.cbor
	case media == codec.Protobuf && partial:
		return at.keys.partialProtobuf
	case partial:
		return at.keys.partialJSON
	case media == codec.Protobuf:
		return at.keys.protobuf
	}
	return at.keys.json
}

// Versioned returns a stored object in the endpoint's version, with its kind set. It may be the object itself.
func (at *Endpoint) Versioned(obj resource.Object) (resource.Object, error) {
	if at.same {
		return obj, nil
	}
	converted, err := at.Version.FromStorage(obj)
	if err != nil {
		return nil, fmt.Errorf("converting to %s: %w", at.GVK, err)
	}
	converted.GetObjectKind().SetGroupVersionKind(at.GVK)
	return converted, nil
}
