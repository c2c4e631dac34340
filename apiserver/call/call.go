package call

import (
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// Call is one request for a resource, on its way through its verb.
type Call struct {
	answer.Answer
	Sub     *resource.Subresource // nil for the main resource
	Info    *request.Info
	User    user.Info
	Decoder *codec.Decoder
	cbor    []byte // the body as it was sent, where it was rewritten
}

// GVK is the kind of what travels: that of the resource, or of the subresource's own body.
func (c *Call) GVK() schema.GroupVersionKind {
	if c.Sub != nil && !c.Sub.GroupVersionKind.Empty() {
		return c.Sub.GroupVersionKind
	}
	return c.At.GVK
}

// resourceName as messages have it: the resource alone.
func (c *Call) GroupResource() schema.GroupResource { return c.At.Row.GroupResource() }

// NotFound is the answer for the named object.
func (c *Call) NotFound(name string) error { return apierrors.NewNotFound(c.GroupResource(), name) }
