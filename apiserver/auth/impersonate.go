package auth

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// Impersonator lets a user act as another, if the user is authorized to.
type Impersonator struct {
	Authorizer authorizer.Authorizer
	// Metrics count what came of each attempt and of each question to the authorizer; nil if nobody counts.
	Metrics *authmetrics.Metrics
}

// Impersonate returns the user that the headers ask to be, or nil when they ask for nobody, and takes these headers
// away. request is what the asking user is about to do, which decides when only some actions may be done as another.
// Errors are Statuses: 400 for headers that make no sense, 403.
func (i *Impersonator) Impersonate(ctx context.Context, header http.Header, request authorizer.Attributes) (user.Info, error) {
	wanted, err := impersonated(header)
	if wanted == nil || err != nil {
		return nil, err
	}
	began := time.Now()
	mode, err := i.decide(ctx, wanted, request)
	i.Metrics.Impersonation(mode, err == nil, time.Since(began))
	if err != nil {
		return nil, err
	}
	for key := range header {
		if strings.HasPrefix(key, "Impersonate-") {
			header.Del(key)
		}
	}
	if mode != legacyMode {
		audit.Constrained(ctx, "impersonate:"+mode)
	}
	if mode == associatedNode || mode == arbitraryNode {
		wanted.Groups = []string{user.NodesGroup}
	}
	return withDefaultGroups(wanted), nil
}

// legacyMode is that of the verb impersonate, which allows to do anything as another.
const legacyMode = "legacy"

// decide says in which mode the user may be whom they want: first of those that allow only some actions.
func (i *Impersonator) decide(ctx context.Context, wanted *user.DefaultInfo, request authorizer.Attributes) (mode string, refused error) {
	if isConstrainable(wanted) {
		if mode, refused = i.constrained(ctx, request.GetUser(), wanted, request); refused == nil {
			return mode, nil
		}
	}
	err := i.allowed(ctx, legacyMode, request.GetUser(), "impersonate", legacyTargets(wanted))
	switch {
	case err == nil:
		return legacyMode, nil
	case refused == nil:
		refused = err
	}
	return "", refused
}

// ask the authorizer.
func (i *Impersonator) ask(ctx context.Context, mode string, about authorizer.AttributesRecord) error {
	began := time.Now()
	decision, reason, err := i.Authorizer.Authorize(ctx, about)
	allowed := err == nil && decision == authorizer.DecisionAllow
	i.Metrics.ImpersonationCheck(mode, allowed, time.Since(began))
	if !allowed {
		return Forbidden(about, reason)
	}
	return nil
}

// Request returns whom a request wants to be: the caller where it asks for nobody. It is what a server calls
// between authentication and authorization.
func (i *Impersonator) Request(r *http.Request, caller user.Info) (user.Info, error) {
	if !asks(r.Header) {
		return caller, nil
	}
	info := request.Parse(r)
	wanted, err := i.Impersonate(r.Context(), r.Header, authorizer.AttributesRecord{
		User: caller, Verb: info.Verb, Namespace: info.Namespace, APIGroup: info.Group, APIVersion: info.Version,
		Resource: info.Resource, Subresource: info.Subresource, Name: info.Name, ResourceRequest: info.IsResource, Path: info.Path,
	})
	if err != nil || wanted == nil {
		return caller, err
	}
	return wanted, nil
}

// asks says whether a request has any header of an impersonation.
func asks(header http.Header) bool {
	for key := range header {
		if strings.HasPrefix(key, "Impersonate-") {
			return true
		}
	}
	return false
}

// impersonated reads the headers.
func impersonated(header http.Header) (*user.DefaultInfo, error) {
	wanted := &user.DefaultInfo{
		Name:   header.Get(authenticationv1.ImpersonateUserHeader),
		UID:    header.Get(authenticationv1.ImpersonateUIDHeader),
		Groups: header.Values(authenticationv1.ImpersonateGroupHeader),
	}
	for key, values := range header {
		if !strings.HasPrefix(key, authenticationv1.ImpersonateUserExtraHeaderPrefix) {
			continue
		}
		name := strings.ToLower(key[len(authenticationv1.ImpersonateUserExtraHeaderPrefix):])
		if unescaped, err := url.PathUnescape(name); err == nil {
			name = unescaped
		}
		if wanted.Extra == nil {
			wanted.Extra = map[string][]string{}
		}
		wanted.Extra[name] = append(wanted.Extra[name], values...)
	}
	if wanted.Name != "" {
		return wanted, nil
	}
	if wanted.UID == "" && len(wanted.Groups) == 0 && len(wanted.Extra) == 0 {
		return nil, nil // nobody is asked for
	}
	return nil, apierrors.NewBadRequest(fmt.Sprintf("requested %#v without impersonating a user name", wanted))
}

// withDefaultGroups adds the groups that follow from a name.
func withDefaultGroups(u *user.DefaultInfo) user.Info {
	if u.Name == user.Anonymous {
		if !slices.Contains(u.Groups, user.AllUnauthenticated) {
			u.Groups = append(u.Groups, user.AllUnauthenticated)
		}
		return u
	}
	if namespace, name, err := serviceaccount.SplitUsername(u.Name); err == nil && len(u.Groups) == 0 && name != "" {
		u.Groups = serviceaccount.MakeGroupNames(namespace)
	}
	return Authenticated(u)
}

const nodeUserPrefix = "system:node:"

// legacyTargets are what a user needs the verb impersonate for.
func legacyTargets(wanted *user.DefaultInfo) []authorizer.AttributesRecord {
	first := authorizer.AttributesRecord{Resource: "users", Name: wanted.Name}
	if namespace, name, err := serviceaccount.SplitUsername(wanted.Name); err == nil {
		first = authorizer.AttributesRecord{Resource: "serviceaccounts", Namespace: namespace, Name: name}
	}
	targets := []authorizer.AttributesRecord{first}
	for _, group := range wanted.Groups {
		targets = append(targets, authorizer.AttributesRecord{Resource: "groups", Name: group})
	}
	return append(targets, extraTargets(wanted)...)
}

func extraTargets(wanted *user.DefaultInfo) []authorizer.AttributesRecord {
	var targets []authorizer.AttributesRecord
	if wanted.UID != "" {
		targets = append(targets, authorizer.AttributesRecord{APIGroup: authenticationv1.GroupName, Resource: "uids", Name: wanted.UID})
	}
	for key, values := range wanted.Extra {
		for _, value := range values {
			targets = append(targets, authorizer.AttributesRecord{
				APIGroup: authenticationv1.GroupName, Resource: "userextras", Subresource: key, Name: value,
			})
		}
	}
	return targets
}

// allowed refuses with the first target that the asking user may not be.
func (i *Impersonator) allowed(ctx context.Context, mode string, asking user.Info, verb string, targets []authorizer.AttributesRecord) error {
	for _, target := range targets {
		target.User, target.Verb, target.APIVersion, target.ResourceRequest = asking, verb, authenticationv1.SchemeGroupVersion.Version, true
		if err := i.ask(ctx, mode, target); err != nil {
			return err
		}
	}
	return nil
}

// isConstrainable: service accounts and nodes have their groups by their names, so that asking for others is
// left to the verb impersonate.
func isConstrainable(wanted *user.DefaultInfo) bool {
	_, _, err := serviceaccount.SplitUsername(wanted.Name)
	if _, isNode := nodeOf(wanted.Name); err != nil && !isNode {
		return true
	}
	return len(wanted.Groups) == 0 && len(wanted.Extra) == 0 && wanted.UID == ""
}

// nodeOf is the node that a user's name is of, if a node can have that name.
func nodeOf(name string) (string, bool) {
	node, ok := strings.CutPrefix(name, nodeUserPrefix)
	return node, ok && len(validation.IsDNS1123Subdomain(node)) == 0
}

// The modes of nodes: of the one that a token is bound to, and of any.
const associatedNode, arbitraryNode = "associated-node", "arbitrary-node"

// mode is the kind of identity that constrained impersonation tells apart.
func mode(asking user.Info, wanted *user.DefaultInfo) string {
	if node, ok := nodeOf(wanted.Name); ok {
		if on := asking.GetExtra()[serviceaccount.NodeNameKey]; len(on) == 1 && on[0] == node {
			return associatedNode
		}
		return arbitraryNode
	}
	if _, _, err := serviceaccount.SplitUsername(wanted.Name); err == nil {
		return "serviceaccount"
	}
	return "user-info"
}

// constrained allows a user who may impersonate in one mode, which it returns, and do in that mode what the request is about.
func (i *Impersonator) constrained(ctx context.Context, asking user.Info, wanted *user.DefaultInfo, request authorizer.Attributes) (string, error) {
	modes := []string{mode(asking, wanted)}
	if modes[0] == associatedNode {
		modes = append(modes, arbitraryNode)
	}
	var refused error
	for _, mode := range modes {
		if refused = i.ask(ctx, mode, on(request, "impersonate-on:"+mode+":"+request.GetVerb())); refused != nil {
			continue
		}
		if refused = neverConstrained(asking, "impersonate:"+mode, wanted); refused != nil {
			return "", refused
		}
		if refused = i.allowed(ctx, mode, asking, "impersonate:"+mode, constrainedTargets(mode, wanted)); refused == nil {
			return mode, nil
		}
	}
	return "", refused
}

// neverConstrained refuses what constrained impersonation gives to nobody, whatever they may do: the group that may do everything, and
// extras that nothing but a domain's path names.
func neverConstrained(asking user.Info, verb string, wanted *user.DefaultInfo) error {
	of := authorizer.AttributesRecord{User: asking, Verb: verb, APIGroup: authenticationv1.GroupName, ResourceRequest: true}
	if slices.Contains(wanted.Groups, user.SystemPrivilegedGroup) {
		of.Resource, of.Name = "groups", user.SystemPrivilegedGroup
		return Forbidden(of, "impersonating the system:masters group is not allowed")
	}
	of.Resource = "userextras"
	for key, values := range wanted.Extra {
		if errs := validation.IsDomainPrefixedPath(field.NewPath("extra", "key"), key); len(errs) > 0 {
			return Forbidden(of, fmt.Sprintf("impersonating an invalid key in extra is not allowed: %v", errs.ToAggregate()))
		}
		if slices.Contains(values, "") {
			return Forbidden(of, "impersonating the empty string value in extra is not allowed")
		}
	}
	return nil
}

// on is the request with another verb.
func on(request authorizer.Attributes, verb string) authorizer.AttributesRecord {
	return authorizer.AttributesRecord{
		User: request.GetUser(), Verb: verb, Namespace: request.GetNamespace(), APIGroup: request.GetAPIGroup(),
		APIVersion: request.GetAPIVersion(), Resource: request.GetResource(), Subresource: request.GetSubresource(),
		Name: request.GetName(), ResourceRequest: request.IsResourceRequest(), Path: request.GetPath(),
	}
}

// constrainedTargets are what a user needs the verb impersonate:<mode> for.
func constrainedTargets(mode string, wanted *user.DefaultInfo) []authorizer.AttributesRecord {
	const group = authenticationv1.GroupName
	switch mode {
	case associatedNode:
		return []authorizer.AttributesRecord{{APIGroup: group, Resource: "nodes", Name: "*"}}
	case arbitraryNode:
		return []authorizer.AttributesRecord{{APIGroup: group, Resource: "nodes", Name: strings.TrimPrefix(wanted.Name, nodeUserPrefix)}}
	case "serviceaccount":
		namespace, name, _ := serviceaccount.SplitUsername(wanted.Name)
		return []authorizer.AttributesRecord{{APIGroup: group, Resource: "serviceaccounts", Namespace: namespace, Name: name}}
	}
	targets := []authorizer.AttributesRecord{{APIGroup: group, Resource: "users", Name: wanted.Name}}
	for _, name := range wanted.Groups {
		targets = append(targets, authorizer.AttributesRecord{APIGroup: group, Resource: "groups", Name: name})
	}
	return append(targets, extraTargets(wanted)...)
}
