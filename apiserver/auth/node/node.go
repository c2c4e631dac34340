package node

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Authorizer is the Node authorizer.
type Authorizer struct {
	lister auth.Lister
	rules  []rbacv1.PolicyRule
}

var _ authorizer.Authorizer = &Authorizer{}

// New returns an authorizer over the objects that the lister has.
func New(lister auth.Lister) *Authorizer {
	return &Authorizer{lister: lister, rules: rules()}
}

// Authorize implements authorizer.Authorizer. It has no opinion of users that are no nodes.
func (n *Authorizer) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	node, isNode := Identity(a.GetUser())
	if !isNode {
		return authorizer.DecisionNoOpinion, "", nil
	}
	if node == "" {
		return authorizer.DecisionNoOpinion, fmt.Sprintf("unknown node for user %q", a.GetUser().GetName()), nil
	}
	if !a.IsResourceRequest() {
		return n.byRules(a), "", nil
	}
	return n.byResource(ctx, node, a)
}

func (n *Authorizer) byResource(ctx context.Context, node string, a authorizer.Attributes) (authorizer.Decision, string, error) {
	switch a.GetAPIGroup() + "/" + a.GetResource() {
	case "/secrets":
		return n.readNamespaced(ctx, node, a, n.usesSecret)
	case "/configmaps":
		return n.readNamespaced(ctx, node, a, n.usesConfigMap)
	case "/persistentvolumeclaims":
		if a.GetSubresource() == "status" {
			return n.updateStatus(ctx, node, a, n.usesClaim)
		}
		return n.get(ctx, node, a, n.usesClaim)
	case "/persistentvolumes":
		return n.volume(ctx, node, a)
	case "/serviceaccounts":
		return n.serviceAccount(ctx, node, a)
	case "/nodes":
		return n.node(node, a)
	case "/pods":
		return n.pod(ctx, node, a)
	case "resource.k8s.io/resourceclaims":
		return n.get(ctx, node, a, n.usesResourceClaim)
	case "resource.k8s.io/resourceslices":
		return n.resourceSlice(ctx, node, a)
	case "storage.k8s.io/volumeattachments":
		return n.get(ctx, node, a, n.hasAttachment)
	case "storage.k8s.io/csinodes":
		decision, reason := csiNode(node, a)
		return decision, reason, nil
	case "coordination.k8s.io/leases":
		decision, reason := lease(node, a)
		return decision, reason, nil
	}
	return n.byRules(a), "", nil
}

// relation says whether a node has to do with an object.
type relation func(node, namespace, name string) bool

// related looks a second time when the first look says no: the pod that makes the relation may have been
// written a moment ago.
func (n *Authorizer) related(ctx context.Context, node string, a authorizer.Attributes, has relation) (authorizer.Decision, string, error) {
	if has(node, a.GetNamespace(), a.GetName()) {
		return authorizer.DecisionAllow, "", nil
	}
	if err := n.lister.Sync(ctx); err != nil {
		return authorizer.DecisionNoOpinion, "", err
	}
	if has(node, a.GetNamespace(), a.GetName()) {
		return authorizer.DecisionAllow, "", nil
	}
	return no("no relationship found between node '%s' and this object", node)
}

func no(format string, args ...any) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, fmt.Sprintf(format, args...), nil
}

// readNamespaced allows to read one object by name, a list or watch of that one name included.
func (n *Authorizer) readNamespaced(ctx context.Context, node string, a authorizer.Attributes, has relation) (authorizer.Decision, string, error) {
	switch {
	case !slices.Contains([]string{"get", "list", "watch"}, a.GetVerb()):
		return no("can only read resources of this type")
	case a.GetSubresource() != "":
		return no("cannot read subresource")
	case a.GetNamespace() == "":
		return no("can only read namespaced object of this type")
	case a.GetName() == "":
		return no("No Object name found")
	}
	return n.related(ctx, node, a, has)
}

func (n *Authorizer) get(ctx context.Context, node string, a authorizer.Attributes, has relation) (authorizer.Decision, string, error) {
	switch {
	case a.GetVerb() != "get" || a.GetName() == "":
		return no("can only get individual resources of this type")
	case a.GetSubresource() != "":
		return no("cannot get subresource")
	}
	return n.related(ctx, node, a, has)
}

func (n *Authorizer) updateStatus(ctx context.Context, node string, a authorizer.Attributes, has relation) (authorizer.Decision, string, error) {
	switch {
	case !slices.Contains([]string{"get", "update", "patch"}, a.GetVerb()):
		return no("can only get/update/patch this type")
	case a.GetName() == "":
		return no("No Object name found")
	}
	return n.related(ctx, node, a, has)
}

func (n *Authorizer) serviceAccount(ctx context.Context, node string, a authorizer.Attributes) (authorizer.Decision, string, error) {
	switch {
	case a.GetSubresource() == "" && a.GetVerb() == "get":
		return n.get(ctx, node, a, n.usesAccount)
	case a.GetSubresource() == "":
		return no("can only get individual resources of this type")
	case a.GetSubresource() != "token" || a.GetVerb() != "create":
		return no("can only create tokens for individual service accounts")
	case a.GetName() == "":
		return no("No Object name found")
	}
	return n.related(ctx, node, a, n.usesAccount)
}

func (n *Authorizer) node(node string, a authorizer.Attributes) (authorizer.Decision, string, error) {
	reads := slices.Contains([]string{"get", "list", "watch"}, a.GetVerb())
	switch {
	case !reads || a.GetSubresource() != "" && a.GetSubresource() != "status":
		return n.byRules(a), "", nil
	case a.GetName() == node:
		return authorizer.DecisionAllow, "", nil
	case a.GetName() == "":
		return no("node '%s' cannot read all nodes, only its own Node object", node)
	}
	return no("node '%s' cannot read '%s', only its own Node object", node, a.GetName())
}

func (n *Authorizer) pod(ctx context.Context, node string, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.GetSubresource() != "" {
		return n.byRules(a), "", nil
	}
	switch a.GetVerb() {
	case "get":
		return n.related(ctx, node, a, n.runs)
	case "list", "watch":
		if selects(a, "spec.nodeName", node) {
			return authorizer.DecisionAllow, "", nil
		}
		if a.GetNamespace() != "" && a.GetName() != "" && n.runs(node, a.GetNamespace(), a.GetName()) {
			return authorizer.DecisionAllow, "", nil
		}
		return no("can only list/watch pods with spec.nodeName field selector")
	}
	return n.byRules(a), "", nil
}

func (n *Authorizer) resourceSlice(ctx context.Context, node string, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.GetSubresource() != "" {
		return no("cannot authorize ResourceSlice subresources")
	}
	switch a.GetVerb() {
	case "create": // NodeRestriction looks at the node's name in it
		return authorizer.DecisionAllow, "", nil
	case "get", "update", "patch", "delete":
		return n.related(ctx, node, a, n.ownsSlice)
	case "list", "watch", "deletecollection":
		if selects(a, "spec.nodeName", node) {
			return authorizer.DecisionAllow, "", nil
		}
		return no("can only list/watch/deletecollection resourceslices with nodeName field selector")
	}
	return no("only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection")
}

func selects(a authorizer.Attributes, label, value string) bool {
	requirements, err := a.GetFieldSelector()
	if err != nil && len(requirements) == 0 {
		return false
	}
	return slices.ContainsFunc(requirements, func(r fields.Requirement) bool {
		return r.Field == label && r.Value == value && (r.Operator == selection.Equals || r.Operator == selection.DoubleEquals || r.Operator == selection.In)
	})
}

func csiNode(node string, a authorizer.Attributes) (authorizer.Decision, string) {
	switch {
	case a.GetSubresource() != "":
		return authorizer.DecisionNoOpinion, "cannot authorize CSINode subresources"
	case !writesOwn(a):
		return authorizer.DecisionNoOpinion, "can only get, create, update, patch, or delete a CSINode"
	case a.GetVerb() != "create" && a.GetName() != node:
		return authorizer.DecisionNoOpinion, "can only access CSINode with the same name as the requesting node"
	}
	return authorizer.DecisionAllow, ""
}

func lease(node string, a authorizer.Attributes) (authorizer.Decision, string) {
	switch {
	case !writesOwn(a):
		return authorizer.DecisionNoOpinion, "can only get, create, update, patch, or delete a node lease"
	case a.GetNamespace() != corev1.NamespaceNodeLease:
		return authorizer.DecisionNoOpinion, fmt.Sprintf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	case a.GetVerb() != "create" && a.GetName() != node:
		return authorizer.DecisionNoOpinion, "can only access node lease with the same name as the requesting node"
	}
	return authorizer.DecisionAllow, ""
}

func writesOwn(a authorizer.Attributes) bool {
	return slices.Contains([]string{"get", "create", "update", "patch", "delete"}, a.GetVerb())
}
