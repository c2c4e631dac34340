package apiserver

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/read"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
	"github.com/coxswain-k8s/coxswain/apiserver/write"
)

// dispatch is a request for a resource, on its way to its verb.
type dispatch struct {
	write.Verbs
	*Server
}

// media are the forms in which the server answers.
func (s *Server) media() answer.Media { return answer.Media{CBOR: s.CBOR} }

// serveResource finds what is asked for and runs its verb.
func (s *Server) serveResource(w http.ResponseWriter, r *http.Request, info *request.Info) {
	all := s.Now()
	at := all.EndpointOf(info)
	if at == nil || !at.FitsScope(info) {
		if info.Group == "" || all.Groups[info.Group] {
			s.media().Refuse(w, r, refusal.NoSuchPath())
			return
		}
		answer.NoPage(w)
		return
	}
	if at.Custom != nil && at.Row.Namespaced && info.Namespace == "" && info.Verb != "list" && info.Verb != "watch" {
		answer.NoPage(w)
		return
	}
	u, _ := auth.UserFrom(r.Context())
	c := dispatch{Server: s, Verbs: write.Verbs{
		Verbs:  read.Verbs{Call: &call.Call{Answer: answer.Answer{Media: s.media(), At: at, W: w, R: r, Clock: s.Clock}, Info: info, User: u, Decoder: s.decoder}, Reader: s.reader},
		Writer: s.writer,
	}}
	if err := c.serve(); err != nil {
		c.Fail(err)
	}
}

// serve refuses what the kind has not, and leads to its subresources, to what answers for it, or to the verb.
func (c dispatch) serve() error {
	if c.R.Method == http.MethodHead && c.Info.Subresource == "" {
		return refusal.Method()
	}
	if err := c.checkNames(); err != nil {
		return err
	}
	stored := c.Info.Subresource == "" && !c.At.Row.Virtual
	refused := stored && (!c.allowsVerb(c.At.Row.Verbs) || !c.fitsPath())
	if refused && c.At.Custom == nil {
		return refusal.Method()
	}
	if c.At.Version.Deprecated != "" && c.isServed() {
		c.warnDeprecated()
	}
	switch {
	case refused: // a custom resource, of which one is warned all the same
		return refusal.Method()
	case c.Info.Subresource != "":
		return c.serveSubresource()
	case c.At.Row.Virtual:
		return c.serveVirtual()
	}
	if err := c.Negotiate(); err != nil {
		return err
	}
	return c.run()
}

// warnDeprecated tells the client, and the audit log, that the version goes.
func (c dispatch) warnDeprecated() {
	warning.Add(c.Context(), c.At.Version.Deprecated)
	audit.Annotate(c.Context(), "k8s.io/deprecated", "true")
	if release := removedIn(c.At.Version.Deprecated); release != "" {
		audit.Annotate(c.Context(), "k8s.io/removed-release", release)
	}
}

// isServed says whether the kind has what is asked of it: the verb, or the path below the object with the verb.
func (c dispatch) isServed() bool {
	if c.Info.Subresource == "" {
		switch c.R.Method {
		case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
			return true
		}
		return false
	}
	return c.At.Custom != nil || c.At.Row.Subresource(c.Info.Subresource) != nil
}

// run is the table of verbs on a stored resource.
func (c dispatch) run() error {
	switch c.Info.Verb {
	case "get":
		return c.Get()
	case "list":
		return c.List()
	case "watch":
		return c.Watch()
	case "create":
		return c.Create()
	case "update":
		return c.Update()
	case "patch":
		return c.Patch()
	case "delete":
		return c.Delete()
	case "deletecollection":
		return c.DeleteCollection()
	}
	return refusal.Method()
}

// allowsVerb says whether the verb is among those of the row, which are all where it names none.
func (c dispatch) allowsVerb(verbs []string) bool {
	return verbs == nil || slices.Contains(verbs, c.Info.Verb)
}

// fitsPath is false for a verb on the wrong kind of path: POST to an object, PUT to a collection.
func (c dispatch) fitsPath() bool {
	everywhere := c.At.Row.Namespaced && c.Info.Namespace == ""
	switch c.Info.Verb {
	case "create":
		return c.Info.Name == "" && !everywhere
	case "deletecollection":
		return !everywhere
	case "update", "patch", "delete", "get":
		return c.Info.Name != ""
	}
	return true
}

// checkNames refuses names that could leave their place in the store.
func (c dispatch) checkNames() error {
	for _, name := range []string{c.Info.Namespace, c.Info.Name} {
		if name == "" {
			continue
		}
		if problems := content.IsPathSegmentName(name); len(problems) > 0 {
			return apierrors.NewBadRequest("Name parameter invalid: " + quote(name) + ": " + strings.Join(problems, ";"))
		}
	}
	return nil
}

func quote(text string) string {
	data, err := json.Marshal(text)
	if err != nil {
		return text
	}
	return string(data)
}
