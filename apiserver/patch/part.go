package patch

import (
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
)

// Decoder decodes objects of one kind.
type Decoder interface {
	DecodeObject(body codec.Body, into resource.Object) (faults []error, err error)
}

// Part patches an object of a Go type of which only those members go through JSON that the patch names, the labels of the
// metadata, say; the others are copied. The object that is patched is not changed. It returns false where that cannot be done, or where there is anything to
// complain of: then the whole object is patched, and the complaint is about all of it.
func (p Patch) Part(now resource.Object, at *kinds.Endpoint, decoder Decoder, strict bool) (resource.Object, bool) {
	if at.Custom != nil || p.Named == nil || len(p.Faults) > 0 {
		return nil, false
	}
	part, ok := codec.PartOf(now, p.Named)
	if !ok {
		return nil, false
	}
	if part.OnlyTexts(now, p.Named) {
		obj := copied(now)
		part.MergeTexts(obj, p.Named)
		return obj, true
	}
	// One object serves for all that is there for a moment only.
	scratch, ok := at.Scratch.Get().(resource.Object)
	if !ok {
		scratch = at.Version.New()
	}
	defer func() {
		codec.Clear(scratch)
		at.Scratch.Put(scratch)
	}()
	part.Take(scratch, now)
	before, err := codec.Encode(scratch, codec.JSON)
	if err != nil {
		return nil, false
	}
	after, err := p.Merge(before)
	if err != nil {
		return nil, false
	}
	codec.Clear(scratch)
	part.TakeOthers(scratch, now)
	obj := copied(scratch)
	codec.Clear(scratch)
	if faults, err := decoder.DecodeObject(codec.Body{Data: after, Strict: strict}, scratch); err != nil || len(faults) > 0 {
		return nil, false
	}
	part.Take(obj, scratch)
	return obj, true
}

// copied is a copy that can be changed, but for the schemas of a definition: they are most of it, and nobody changes one in place. Those that
// are the same are soon seen to be.
func copied(obj resource.Object) resource.Object {
	d, ok := obj.(*apiextensionsv1.CustomResourceDefinition)
	if !ok {
		return obj.DeepCopyObject().(resource.Object)
	}
	bare := *d
	bare.Spec.Versions = slices.Clone(d.Spec.Versions)
	for i := range bare.Spec.Versions {
		bare.Spec.Versions[i].Schema = nil
	}
	made := bare.DeepCopy()
	for i := range made.Spec.Versions {
		made.Spec.Versions[i].Schema = d.Spec.Versions[i].Schema
	}
	return made
}
