package answer

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Encoded returns an entry's encoding for single objects, watches and lists: whole JSON, or a bare protobuf message.
// It is made once and shared.
func (c *Answer) Encoded(entry *cache.Entry) ([]byte, error) {
	key := c.EncodingKey()
	if c.At.KeepsPacked() { // whose encodings are kept no more than the objects themselves
		return c.At.Shared.Encoding(entry, key, func() ([]byte, error) {
			obj, err := c.At.Object(c.Context(), entry)
			if err != nil {
				return nil, err
			}
			return c.encodeShown(obj)
		})
	}
	// Before the encoding is made, for a failed conversion must not be kept.
	obj, err := c.At.Object(c.Context(), entry)
	if err != nil {
		return nil, err
	}
	return entry.Encoding(key, func() ([]byte, error) { return c.encodeShown(obj) })
}

// EncodingKey says how objects are encoded for the client.
func (c *Answer) EncodingKey() string {
	key := c.At.EncodingKey(c.Accept.Media, c.Partial())
	if c.Partial() && c.Accept.AsVersion != metav1.SchemeGroupVersion.Version {
		key += " " + c.Accept.AsVersion
	}
	return key
}

// encodeShown encodes an object as the client wants it.
func (c *Answer) encodeShown(obj resource.Object) ([]byte, error) {
	shown, err := c.shown(obj)
	if err != nil {
		return nil, err
	}
	switch c.Accept.Media {
	case codec.Protobuf:
		return codec.Message(shown)
	case codec.CBOR:
		return codec.Encode(shown, codec.CBOR)
	}
	return kinds.Encode(shown, codec.JSON)
}

// Partial says whether the client wants nothing but the metadata of objects.
func (c *Answer) Partial() bool {
	return c.Accept.As == "PartialObjectMetadata" || c.Accept.As == "PartialObjectMetadataList"
}

// shown is the object in the form and version that the client asked for, tables apart.
func (c *Answer) shown(obj resource.Object) (runtime.Object, error) {
	if c.Partial() {
		return c.MetadataOf(obj), nil
	}
	return c.At.Versioned(obj)
}

// MetadataOf is the metadata of an object alone.
func (c *Answer) MetadataOf(obj resource.Object) *metav1.PartialObjectMetadata {
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
		TypeMeta:   metav1.TypeMeta{Kind: "PartialObjectMetadata", APIVersion: c.partialVersion().String()},
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

// WriteEntry answers with a cached object.
func (c *Answer) WriteEntry(code int, entry *cache.Entry) error {
	if c.Accept.As == "Table" || c.Accept.Media == codec.YAML {
		obj, err := c.At.Object(c.Context(), entry)
		if err != nil {
			return err
		}
		return c.WriteStored(code, obj)
	}
	data, err := c.Encoded(entry)
	if err != nil {
		return err
	}
	if c.Accept.Media != codec.Protobuf {
		WriteBody(c.W, c.Accept, code, data)
		return nil
	}
	WriteBody(c.W, c.Accept, code, codec.EnvelopeHead(nil, c.ShownKind(), len(data)), data, []byte(codec.EnvelopeTail()))
	return nil
}

// WriteStored answers with an object of the storage version that comes from a write.
func (c *Answer) WriteStored(code int, obj resource.Object) error {
	if c.Accept.As == "Table" {
		return c.WriteTable(code, []resource.Object{obj}, metav1.ListMeta{ResourceVersion: obj.GetResourceVersion()})
	}
	shown, err := c.shown(obj)
	if err != nil {
		return err
	}
	if c.writeSpliced(code, shown) {
		return nil
	}
	return c.WriteObject(code, shown)
}
