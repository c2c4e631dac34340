package packed

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"maps"
	"sync"

	"github.com/klauspost/compress/zstd"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/schemas"
)

const (
	// blob is the annotation of a skeleton that holds what is stored. No client can write one of that name.
	blob = "\x00stored"
	// largeAnnotation is how long one is that a skeleton leaves out.
	largeAnnotation = 1 << 10
	// window is how far back repetitions are looked for.
	window = 1 << 20
)

// Resource is what is packed.
func Resource() schema.GroupResource {
	return schema.GroupResource{Group: apiextensionsv1.GroupName, Resource: "customresourcedefinitions"}
}

// Packer packs. It is safe for concurrent use, and its zero value is ready.
type Packer struct {
	encoders sync.Pool // which a collection of garbage empties
}

// Pack makes a definition that was decoded from a value its own skeleton: the schemas, managed fields and large annotations are
// in the packed value alone. Two skeletons of the same specification are equal in theirs.
func (p *Packer) Pack(d *apiextensionsv1.CustomResourceDefinition, value []byte) error {
	encoder, _ := p.encoders.Get().(*zstd.Encoder)
	if encoder == nil {
		var err error
		if encoder, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(window),
			zstd.WithEncoderLevel(zstd.SpeedFastest)); err != nil { // 40 KiB of 305, where the next level takes almost twice the time for 37
			return fmt.Errorf("packing a definition: %w", err)
		}
	}
	data := encoder.EncodeAll(value, nil)
	p.encoders.Put(encoder)

	d.ManagedFields = nil
	d.Annotations = maps.Clone(d.Annotations)
	maps.DeleteFunc(d.Annotations, func(name, text string) bool {
		return len(text) > largeAnnotation && name != apiextensionsv1.KubeAPIApprovedAnnotation // which the status depends on
	})
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[blob] = string(data)
	sum := sumOf(value)
	for i := range d.Spec.Versions {
		if given := d.Spec.Versions[i].Schema; given != nil && given.OpenAPIV3Schema != nil {
			d.Spec.Versions[i].Schema = &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{ID: sum}}
		}
	}
	return nil
}

// sumOf the specification in a value, or of the whole value where that is not in JSON.
func sumOf(value []byte) string {
	if split, ok := schemas.Take(value); ok && split.Spec != nil {
		value = split.Spec
	}
	sum := sha256.Sum256(value)
	return string(sum[:])
}

// Stored returns the value that a skeleton was made of, or nil for a definition that is none.
func Stored(d *apiextensionsv1.CustomResourceDefinition) ([]byte, error) {
	data, ok := d.Annotations[blob]
	if !ok {
		return nil, nil
	}
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, fmt.Errorf("unpacking definition %s: %w", d.Name, err)
	}
	defer decoder.Close()
	value, err := decoder.DecodeAll([]byte(data), nil)
	if err != nil {
		return nil, fmt.Errorf("unpacking definition %s: %w", d.Name, err)
	}
	return value, nil
}

// Size is how long the value is that a skeleton was made of; 0 for a definition that is none. It is not unpacked for that.
func Size(d *apiextensionsv1.CustomResourceDefinition) int {
	var frame zstd.Header
	if err := frame.Decode([]byte(d.Annotations[blob][:min(len(d.Annotations[blob]), zstd.HeaderMaxSize)])); err != nil || !frame.HasFCS {
		return 0
	}
	return int(frame.FrameContentSize)
}

// Whole returns the definition that a skeleton stands for, or the definition itself where it is none.
func Whole(d *apiextensionsv1.CustomResourceDefinition) (*apiextensionsv1.CustomResourceDefinition, error) {
	whole, _, err := Open(d)
	return whole, err
}

// Open returns what a skeleton stands for, and the value that it was made of; for a definition that is none, that itself and no value.
func Open(d *apiextensionsv1.CustomResourceDefinition) (whole *apiextensionsv1.CustomResourceDefinition, stored []byte, err error) {
	value, err := Stored(d)
	if err != nil {
		return nil, nil, err
	}
	if value == nil {
		return d, nil, nil
	}
	if whole, err = decode(value); err != nil {
		return nil, nil, fmt.Errorf("unpacking definition %s: %w", d.Name, err)
	}
	// What was defaulted when it was read is in the skeleton.
	versions := d.Spec.Versions
	read := whole.Spec.Versions
	whole.Spec = d.Spec
	whole.Spec.Versions = make([]apiextensionsv1.CustomResourceDefinitionVersion, len(versions))
	for i := range versions {
		whole.Spec.Versions[i] = versions[i]
		whole.Spec.Versions[i].Schema = read[i].Schema
	}
	whole.TypeMeta, whole.ResourceVersion = d.TypeMeta, d.ResourceVersion
	return whole, value, nil
}

// decode reads a stored definition with its schemas.
func decode(value []byte) (*apiextensionsv1.CustomResourceDefinition, error) {
	d := &apiextensionsv1.CustomResourceDefinition{}
	if split, ok := schemas.Take(value); ok {
		if _, err := codec.DecodeStored(split.Rest, d); err == nil && split.Fill(d) {
			return d, nil
		}
		codec.Clear(d)
	}
	_, err := codec.DecodeStored(value, d)
	return d, err
}

// Skeleton decodes what Pack keeps of a value in JSON. It returns nil for a value in another form.
func Skeleton(value []byte) (*apiextensionsv1.CustomResourceDefinition, error) {
	if !bytes.HasPrefix(bytes.TrimLeft(value, " \n"), []byte("{")) {
		return nil, nil
	}
	split, ok := schemas.Take(value)
	if !ok {
		return decode(value)
	}
	d := &apiextensionsv1.CustomResourceDefinition{}
	_, err := codec.DecodeStored(split.Rest, d)
	return d, err
}
