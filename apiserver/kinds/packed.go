package kinds

import (
	"strconv"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/schemas"
)

// KeepsPacked says whether the watch cache keeps the kind's objects packed.
func (k *Kind) KeepsPacked() bool { return k.packer != nil }

// decodePacked reads a stored definition for the watch cache, where it is kept packed.
func (k *Kind) decodePacked(value []byte, revision int64) (runtime.Object, error) {
	d, err := packed.Skeleton(value)
	if err != nil {
		return nil, err
	}
	if d == nil { // not in JSON
		whole, err := k.Decode(value, revision)
		if err != nil {
			return nil, err
		}
		d = whole.(*apiextensionsv1.CustomResourceDefinition)
	}
	k.Storage.Default(d)
	d.SetGroupVersionKind(k.StoredAs)
	d.SetResourceVersion(strconv.FormatInt(revision, 10))
	return d, k.packer.Pack(d, value)
}

// Encode writes an object whose kind is set.
func Encode(obj runtime.Object, media codec.Media) ([]byte, error) {
	d, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
	if !ok || media != codec.JSON {
		return codec.Encode(obj, media)
	}
	return schemas.Encode(d, func(d *apiextensionsv1.CustomResourceDefinition) ([]byte, error) { return codec.Encode(d, codec.JSON) })
}

// storedDefinition is the value of which the watch cache keeps an object; nil where that cannot be unpacked.
func storedDefinition(obj runtime.Object) []byte {
	value, err := packed.Stored(obj.(*apiextensionsv1.CustomResourceDefinition))
	if err != nil {
		return nil // the watch cache goes on with the object
	}
	return value
}

func storedSize(obj runtime.Object) int {
	return packed.Size(obj.(*apiextensionsv1.CustomResourceDefinition))
}

// wholeDefinition is what the watch cache keeps packed.
func wholeDefinition(obj resource.Object) (resource.Object, error) {
	return packed.Whole(obj.(*apiextensionsv1.CustomResourceDefinition))
}
