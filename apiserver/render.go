package apiserver

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// versioned returns a stored object in the endpoint's version, with its kind set. It may be the object itself.
func (at *endpoint) versioned(obj resource.Object) (resource.Object, error) {
	if at.same {
		return obj, nil
	}
	converted, err := at.version.FromStorage(obj)
	if err != nil {
		return nil, fmt.Errorf("converting to %s: %w", at.gvk, err)
	}
	converted.GetObjectKind().SetGroupVersionKind(at.gvk)
	return converted, nil
}

// encoded returns an entry's encoding for single objects, watches and lists: whole JSON, or a bare protobuf message.
// It is made once and shared.
func (c *call) encoded(entry *cache.Entry) ([]byte, error) {
	partial, pb := c.partial(), c.accept.Media == codec.Protobuf
	keys := c.at.keys
	key := keys.json
	switch {
	case partial && pb:
		key = keys.partialProtobuf
	case partial:
		key = keys.partialJSON
	case pb:
		key = keys.protobuf
	}
	if c.accept.Media == codec.CBOR {
		key = keys.cbor
		if partial {
			key += " partial"
		}
	}
	if c.at.packer != nil { // whose encodings are kept no more than the objects themselves
		return c.at.shared.Encoding(entry, key, func() ([]byte, error) {
			obj, err := c.at.object(c.ctx(), entry)
			if err != nil {
				return nil, err
			}
			return c.encodeShown(obj)
		})
	}
	// Before the encoding is made, for a failed conversion must not be kept.
	obj, err := c.at.object(c.ctx(), entry)
	if err != nil {
		return nil, err
	}
	return entry.Encoding(key, func() ([]byte, error) { return c.encodeShown(obj) })
}

// encodeShown encodes an object as the client wants it.
func (c *call) encodeShown(obj resource.Object) ([]byte, error) {
	shown, err := c.shown(obj)
	if err != nil {
		return nil, err
	}
	switch c.accept.Media {
	case codec.Protobuf:
		return codec.Message(shown)
	case codec.CBOR:
		return codec.Encode(shown, codec.CBOR)
	}
	return encodeObject(shown, codec.JSON)
}

func (c *call) partial() bool {
	return c.accept.As == "PartialObjectMetadata" || c.accept.As == "PartialObjectMetadataList"
}

// shown is the object in the form and version that the client asked for, tables apart.
func (c *call) shown(obj resource.Object) (runtime.Object, error) {
	if c.partial() {
		return partialOf(obj), nil
	}
	return c.at.versioned(obj)
}

// partialOf is the metadata of an object alone.
func partialOf(obj resource.Object) *metav1.PartialObjectMetadata {
	var meta metav1.ObjectMeta
	if accessor, ok := obj.(metav1.ObjectMetaAccessor); ok {
		if typed, ok := accessor.GetObjectMeta().(*metav1.ObjectMeta); ok {
			meta = *typed
		}
	}
	if meta.Name == "" {
		meta = copyMeta(obj)
	}
	return &metav1.PartialObjectMetadata{
		TypeMeta:   metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: "meta.k8s.io/v1"},
		ObjectMeta: meta,
	}
}

// copyMeta reads the metadata of an object that has it in another form.
func copyMeta(obj metav1.Object) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name: obj.GetName(), GenerateName: obj.GetGenerateName(), Namespace: obj.GetNamespace(), UID: obj.GetUID(),
		ResourceVersion: obj.GetResourceVersion(), Generation: obj.GetGeneration(), CreationTimestamp: obj.GetCreationTimestamp(),
		DeletionTimestamp: obj.GetDeletionTimestamp(), DeletionGracePeriodSeconds: obj.GetDeletionGracePeriodSeconds(),
		Labels: obj.GetLabels(), Annotations: obj.GetAnnotations(), OwnerReferences: obj.GetOwnerReferences(),
		Finalizers: obj.GetFinalizers(), ManagedFields: obj.GetManagedFields(),
	}
}

// writeEntry answers with a cached object.
func (c *call) writeEntry(code int, entry *cache.Entry) error {
	if c.accept.As == "Table" || c.accept.Media == codec.YAML {
		obj, err := c.at.object(c.ctx(), entry)
		if err != nil {
			return err
		}
		return c.writeStored(code, obj)
	}
	data, err := c.encoded(entry)
	if err != nil {
		return err
	}
	if c.accept.Media != codec.Protobuf {
		writeBody(c.w, c.accept, code, data)
		return nil
	}
	writeBody(c.w, c.accept, code, codec.EnvelopeHead(nil, c.shownKind(), len(data)), data, []byte(codec.EnvelopeTail()))
	return nil
}

// writeStored answers with an object of the storage version that comes from a write.
func (c *call) writeStored(code int, obj resource.Object) error {
	if c.accept.As == "Table" {
		return c.writeTable(code, []resource.Object{obj}, metav1.ListMeta{ResourceVersion: obj.GetResourceVersion()})
	}
	shown, err := c.shown(obj)
	if err != nil {
		return err
	}
	return c.writeObject(code, shown)
}
