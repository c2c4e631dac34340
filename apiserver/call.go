package apiserver

import (
	"context"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/filters"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// call is one request for a resource, on its way through its verb.
type call struct {
	*Server
	at     *endpoint
	sub    *resource.Subresource // nil for the main resource
	info   *request.Info
	w      http.ResponseWriter
	r      *http.Request
	user   user.Info
	accept codec.Accepted
	table  metav1.TableOptions
}

func (c *call) ctx() context.Context { return c.r.Context() }

// gvk is the kind of what travels: that of the resource, or of the subresource's own body.
func (c *call) gvk() schema.GroupVersionKind {
	if c.sub != nil && !c.sub.GroupVersionKind.Empty() {
		return c.sub.GroupVersionKind
	}
	return c.at.gvk
}

// resourceName as messages have it: the resource alone.
func (c *call) groupResource() schema.GroupResource { return c.at.row.GroupResource() }

// notFound is the answer for the named object.
func (c *call) notFound(name string) error { return apierrors.NewNotFound(c.groupResource(), name) }

// serveResource finds what is asked for and runs its verb.
func (s *Server) serveResource(w http.ResponseWriter, r *http.Request, info *request.Info) {
	served := s.kinds.Load()
	at := served.endpoints[gvrOf(info)]
	if at == nil || !at.scopeFits(info) {
		if info.Group == "" || served.groups[info.Group] {
			s.refuse(w, r, noSuchPath())
			return
		}
		noPage(w)
		return
	}
	if at.custom != nil && at.row.Namespaced && info.Namespace == "" && info.Verb != "list" && info.Verb != "watch" {
		noPage(w)
		return
	}
	u, _ := auth.UserFrom(r.Context())
	c := &call{Server: s, at: at, info: info, w: w, r: r, user: u}
	if err := c.serve(); err != nil {
		c.fail(err)
	}
}

func noPage(w http.ResponseWriter) { http.Error(w, "404 page not found", http.StatusNotFound) }

// scopeFits refuses an object without a namespace under a namespace, and the other way round.
func (at *endpoint) scopeFits(info *request.Info) bool {
	if at.row.Name == "namespaces" && at.row.Group == "" {
		return true
	}
	if !at.row.Namespaced {
		return info.Namespace == ""
	}
	if info.Namespace != "" {
		return true
	}
	return info.Subresource == "" && (info.Name == "" || info.Verb == "list" || info.Verb == "watch")
}

// errMethod refuses a verb that a resource does not have.
func errMethod(schema.GroupResource) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusMethodNotAllowed, Reason: metav1.StatusReasonMethodNotAllowed,
		Message: "the server does not allow this method on the requested resource", Details: &metav1.StatusDetails{},
	}}
}

func (c *call) serve() error {
	if c.r.Method == http.MethodHead && c.info.Subresource == "" {
		return errMethod(c.groupResource())
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	if c.at.version.Deprecated != "" {
		warning.Add(c.ctx(), c.at.version.Deprecated)
	}
	if c.info.Subresource != "" {
		return c.serveSubresource()
	}
	if c.at.row.Virtual {
		return c.serveVirtual()
	}
	if !c.allowsVerb(c.at.row.Verbs) || !c.fitsPath() {
		return errMethod(c.groupResource())
	}
	if err := c.negotiate(); err != nil {
		return err
	}
	return c.run()
}

// run is the table of verbs on a stored resource.
func (c *call) run() error {
	switch c.info.Verb {
	case "get":
		return c.get()
	case "list":
		return c.list()
	case "watch":
		return c.watch()
	case "create":
		return c.create()
	case "update":
		return c.update()
	case "patch":
		return c.patch()
	case "delete":
		return c.delete()
	case "deletecollection":
		return c.deleteCollection()
	}
	return errMethod(c.groupResource())
}

func (c *call) allowsVerb(verbs []string) bool {
	return verbs == nil || slices.Contains(verbs, c.info.Verb)
}

// fitsPath is false for a verb on the wrong kind of path: POST to an object, PUT to a collection.
func (c *call) fitsPath() bool {
	everywhere := c.at.row.Namespaced && c.info.Namespace == ""
	switch c.info.Verb {
	case "create":
		return c.info.Name == "" && !everywhere
	case "deletecollection":
		return !everywhere
	case "update", "patch", "delete", "get":
		return c.info.Name != ""
	}
	return true
}

// negotiate chooses the media type of the answer.
func (c *call) negotiate() error {
	accepted, ok := c.mediaAsked(c.r, c.allows)
	if !ok {
		if !c.at.protobuf {
			return notAcceptableText(c.supported())
		}
		return notAcceptable(c.supported())
	}
	if wantsPretty(c.r) {
		accepted.Pretty = true
	}
	c.accept = accepted
	if accepted.As == "Table" {
		return c.readTableOptions()
	}
	return nil
}

// mayCreate asks whether a caller of another verb may create as well.
func (c *call) mayCreate() error {
	attributes := filters.Attributes(c.r)
	attributes.Verb = "create"
	return c.chain.Allowed(c.ctx(), attributes)
}

// allows says which forms of an object this request can be answered with.
func (c *call) allows(a codec.Accepted) bool {
	if a.Media == codec.Protobuf && a.As == "" && !c.at.protobuf && c.sub == nil {
		return false
	}
	if a.As != "" && c.at.row.Virtual && c.info.Verb == "create" {
		return false // reviews have no metadata worth showing
	}
	switch a.As {
	case "":
		return true
	case "Table":
		return a.AsGroup == metav1.GroupName && (a.AsVersion == "v1" || a.AsVersion == "v1beta1") && a.Media != codec.Protobuf && a.Media != codec.CBOR
	case "PartialObjectMetadata":
		return a.AsGroup == metav1.GroupName && a.AsVersion == "v1" && c.info.Verb != "list"
	case "PartialObjectMetadataList":
		return a.AsGroup == metav1.GroupName && a.AsVersion == "v1" && c.info.Verb == "list"
	}
	return false
}
