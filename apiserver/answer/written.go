package answer

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// written is an object as this request has stored it.
type written struct {
	obj   resource.Object
	value []byte
}

// Committed is the object as others will read it, after a value made of it was stored. It is the answer as it is: whoever changes
// it copies it first.
func (c *Answer) Committed(ctx context.Context, obj resource.Object, value []byte, revision int64) (resource.Object, error) {
	stored, err := c.At.Committed(ctx, obj, value, revision)
	if err != nil {
		return nil, err
	}
	c.written = written{stored, value}
	return stored, nil
}

// writeSpliced answers with the stored bytes of what this request has stored, if that is what is shown: they need not be made again.
func (c *Answer) writeSpliced(code int, shown runtime.Object) bool {
	if c.written.obj == nil || shown != runtime.Object(c.written.obj) {
		return false
	}
	var head, rest []byte
	var ok bool
	switch version := c.written.obj.GetResourceVersion(); {
	case c.Accept.Media == codec.Protobuf:
		head, rest, ok = codec.Versioned(c.written.value, version)
	case c.Accept.Media == codec.JSON && !c.Accept.Pretty && c.At.KeepsPacked(): // whose encoding is most of their creation
		head, rest, ok = codec.VersionedJSON(c.written.value, string(c.written.obj.GetUID()), version)
	}
	if ok {
		WriteBody(c.W, c.Accept, code, head, rest)
	}
	return ok
}
