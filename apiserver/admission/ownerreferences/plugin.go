package ownerreferences

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Plugin is OwnerReferencesPermissionEnforcement.
type Plugin struct {
	Authorizer authorizer.Authorizer
	// Resource returns the row of a kind; false for kinds that are not served.
	Resource func(schema.GroupKind) (*resource.Resource, bool)
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	obj, ok := a.Object.(resource.Object)
	if !ok || a.Operation != admission.Create && a.Operation != admission.Update {
		return nil
	}
	old, _ := a.Old.(resource.Object)
	if old != nil && !equality.Semantic.DeepEqual(old.GetOwnerReferences(), obj.GetOwnerReferences()) {
		if decision, reason, err := p.Authorizer.Authorize(ctx, p.deletion(a)); decision != authorizer.DecisionAllow {
			return admission.Forbidden(a, fmt.Errorf("cannot set an ownerRef on a resource you can't delete: %v, %v", reason, err))
		}
	}
	for _, owner := range newlyBlocking(obj, old) {
		if err := p.mayBlock(ctx, a, owner); err != nil {
			return admission.Forbidden(a, err)
		}
	}
	return nil
}

func (p *Plugin) deletion(a *admission.Attributes) authorizer.AttributesRecord {
	return authorizer.AttributesRecord{
		User: a.User, Verb: "delete", Namespace: a.Namespace, APIGroup: a.Resource.Group, APIVersion: a.Resource.Storage().Name,
		Resource: a.Resource.Name, Subresource: a.Subresource, Name: a.Name, ResourceRequest: true,
	}
}

// newlyBlocking are the references that block their owner's deletion and did not before.
func newlyBlocking(obj, old resource.Object) []metav1.OwnerReference {
	blocked := map[types.UID]bool{}
	if old != nil {
		for _, owner := range old.GetOwnerReferences() {
			if owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion {
				blocked[owner.UID] = true
			}
		}
	}
	var found []metav1.OwnerReference
	for _, owner := range obj.GetOwnerReferences() {
		if owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion && !blocked[owner.UID] {
			found = append(found, owner)
		}
	}
	return found
}

func (p *Plugin) mayBlock(ctx context.Context, a *admission.Attributes, owner metav1.OwnerReference) error {
	kind := schema.FromAPIVersionAndKind(owner.APIVersion, owner.Kind)
	row, ok := p.Resource(kind.GroupKind())
	if !ok {
		return fmt.Errorf("cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion %s Kind %s: no matches for kind %q in version %q",
			owner.APIVersion, owner.Kind, owner.Kind, owner.APIVersion)
	}
	target := authorizer.AttributesRecord{
		User: a.User, Verb: "update", APIGroup: row.Group, APIVersion: kind.Version, Resource: row.Name, Subresource: "finalizers",
		Name: owner.Name, ResourceRequest: true,
	}
	if row.Namespaced {
		target.Namespace = a.Namespace
	}
	if decision, reason, err := p.Authorizer.Authorize(ctx, target); decision != authorizer.DecisionAllow {
		return fmt.Errorf("cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: %v, %v", reason, err)
	}
	return nil
}
