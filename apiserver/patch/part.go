package patch

import (
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
		obj := now.DeepCopyObject().(resource.Object)
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
	obj := scratch.DeepCopyObject().(resource.Object)
	codec.Clear(scratch)
	if faults, err := decoder.DecodeObject(codec.Body{Data: after, Strict: strict}, scratch); err != nil || len(faults) > 0 {
		return nil, false
	}
	part.Take(obj, scratch)
	return obj, true
}
