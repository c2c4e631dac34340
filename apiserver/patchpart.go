package apiserver

import (
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// objectPatch changes the JSON of an object.
type objectPatch struct {
	apply patchFunc
	// merge is apply for an object that has nothing but what the patch has a say on.
	merge patchFunc
	// named are the members that the patch names, where it has a say on no others; nil where it may have one on all.
	named map[string]any
	// faults are what is odd about the patch itself, though it can be read: members that are there twice, and unknown ones.
	faults []error
}

// patchedPart patches an object of a Go type of which only those members go through JSON that the patch names, the labels of the
// metadata, say; the others are copied. The object that is patched is not changed. It returns false where that cannot be done, or where there is anything to
// complain of: then the whole object is patched, and the complaint is about all of it.
func (c *call) patchedPart(now resource.Object, p objectPatch, strict bool) (resource.Object, bool) {
	if c.at.custom != nil || p.named == nil || len(p.faults) > 0 {
		return nil, false
	}
	part, ok := codec.PartOf(now, p.named)
	if !ok {
		return nil, false
	}
	if part.OnlyTexts(now, p.named) {
		obj := now.DeepCopyObject().(resource.Object)
		part.MergeTexts(obj, p.named)
		return obj, true
	}
	// One object serves for all that is there for a moment only.
	scratch, ok := c.at.scratch.Get().(resource.Object)
	if !ok {
		scratch = c.at.version.New()
	}
	defer func() {
		codec.Clear(scratch)
		c.at.scratch.Put(scratch)
	}()
	part.Take(scratch, now)
	before, err := codec.Encode(scratch, codec.JSON)
	if err != nil {
		return nil, false
	}
	after, err := p.merge(before)
	if err != nil {
		return nil, false
	}
	codec.Clear(scratch)
	part.TakeOthers(scratch, now)
	obj := scratch.DeepCopyObject().(resource.Object)
	codec.Clear(scratch)
	if faults, err := c.decodeObject(codec.Body{Data: after, Strict: strict}, scratch); err != nil || len(faults) > 0 {
		return nil, false
	}
	part.Take(obj, scratch)
	return obj, true
}

func isNamed(named map[string]any, name string) bool {
	_, ok := named[name]
	return ok
}
