package filters

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// authorize asks whether they may.
func (c *Chain) authorize(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		attributes := Attributes(r)
		err := c.Allowed(r.Context(), attributes)
		if err == nil && connects(request.From(r.Context())) {
			attributes.Verb = "create"
			err = c.Allowed(r.Context(), attributes)
		}
		audit.Spent(r.Context(), audit.Authorization, began)
		if undecided := (*undecidedError)(nil); errors.As(err, &undecided) {
			http.Error(w, fmt.Sprintf("Internal Server Error: %q: %v", r.RequestURI, err), http.StatusInternalServerError)
			return
		}
		if err != nil {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			c.Refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// undecidedError says that nobody allowed a request and that somebody who might have could not be asked.
type undecidedError struct{ error }

// Allowed returns nil, or the Status that says what is forbidden.
func (c *Chain) Allowed(ctx context.Context, attributes authorizer.Attributes) error {
	if c.Authorizer == nil {
		return nil
	}
	decision, reason, err := c.Authorizer.Authorize(ctx, attributes)
	if decision == authorizer.DecisionAllow {
		audit.Annotate(ctx, "authorization.k8s.io/decision", "allow")
		audit.Annotate(ctx, "authorization.k8s.io/reason", reason)
		return nil
	}
	if err != nil {
		audit.Annotate(ctx, "authorization.k8s.io/reason", "internal error")
		logr.FromContextOrDiscard(ctx).V(1).Info("authorizing failed", "reason", err.Error())
		return &undecidedError{err}
	}
	audit.Annotate(ctx, "authorization.k8s.io/decision", "forbid")
	audit.Annotate(ctx, "authorization.k8s.io/reason", reason)
	return auth.Forbidden(attributes, reason)
}

// Attributes are what the authorizer is asked about a request.
func Attributes(r *http.Request) authorizer.AttributesRecord {
	info := request.From(r.Context())
	caller, _ := auth.UserFrom(r.Context())
	a := authorizer.AttributesRecord{
		User: caller, Verb: info.Verb, Namespace: info.Namespace, APIGroup: info.Group, APIVersion: info.Version,
		Resource: info.Resource, Subresource: info.Subresource, Name: info.Name, ResourceRequest: info.IsResource, Path: info.Path,
	}
	addSelectors(&a, info)
	return a
}

// connects are the paths by which one gets into a container: who asks for them by GET, as browsers do, must be allowed to create them, too.
func connects(info *request.Info) bool {
	return info.IsResource && info.Group == "" && info.Resource == "pods" && info.Verb == "get" && slices.Contains([]string{"exec", "attach", "portforward"}, info.Subresource)
}

// addSelectors tells the authorizer by what a list, a watch or a deletion of a collection is narrowed.
func addSelectors(a *authorizer.AttributesRecord, info *request.Info) {
	if info.FieldText != "" {
		selector, err := fields.ParseSelector(info.FieldText)
		a.FieldSelectorParsingErr = err
		if err == nil {
			a.FieldSelectorRequirements = selector.Requirements()
		}
	}
	if info.LabelText != "" {
		selector, err := labels.Parse(info.LabelText)
		a.LabelSelectorParsingErr = err
		if err == nil {
			a.LabelSelectorRequirements, _ = selector.Requirements()
		}
	}
}
