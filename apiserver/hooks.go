package apiserver

import (
	"context"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// hooks are what some resources need beyond what a row can say. The zero value is right for all others.
type hooks struct {
	// onCreate and onUpdate may change obj before it is validated, and add operations to its transaction. They
	// are called again when one of these failed because of what others did.
	onCreate func(ctx context.Context, obj resource.Object) ([]storage.Op, error)
	onUpdate func(ctx context.Context, obj, old resource.Object) ([]storage.Op, error)
	// onDelete adds operations to the transaction that removes obj.
	onDelete func(ctx context.Context, obj resource.Object) ([]storage.Op, error)
	// onTerminate changes obj when its deletion starts but waits.
	onTerminate func(obj resource.Object)
	// holds says that obj, which is being deleted, must not go yet, finalizers in its metadata apart.
	holds func(obj resource.Object) bool
	// returnsDeleted answers a deletion with the object and not with a Status.
	returnsDeleted bool
}

func (h hooks) beforeCreate(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
	if h.onCreate == nil {
		return nil, nil
	}
	return h.onCreate(ctx, obj)
}

func (h hooks) beforeUpdate(ctx context.Context, obj, old resource.Object) ([]storage.Op, error) {
	if h.onUpdate == nil {
		return nil, nil
	}
	return h.onUpdate(ctx, obj, old)
}

// hooksOf is the one list of resources that have any.
func (s *Server) hooksOf(row *resource.Resource) hooks {
	if row.Group == certificatesv1.GroupName && row.Name == "certificatesigningrequests" {
		return hooks{onCreate: signRequestor}
	}
	if row.Group == apiextensionsv1.GroupName && row.Name == "customresourcedefinitions" {
		return s.definitionHooks()
	}
	switch row.Name {
	case "csidrivers", "csinodes", "deviceclasses", "resourceclaims", "resourceslices", "storageclasses", "volumeattachments":
		return hooks{returnsDeleted: true}
	}
	if row.Group != "" {
		return hooks{}
	}
	switch row.Name {
	case "namespaces":
		return namespaceHooks()
	case "services":
		return s.serviceHooks()
	case "pods", "persistentvolumes", "persistentvolumeclaims", "serviceaccounts", "podtemplates", "resourcequotas":
		return hooks{returnsDeleted: true}
	}
	return hooks{}
}

// signRequestor writes into a certificate signing request who asks, whatever the request itself says.
func signRequestor(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
	spec := &obj.(*certificatesv1.CertificateSigningRequest).Spec
	spec.Username, spec.UID, spec.Groups, spec.Extra = "", "", nil, nil
	asks, ok := auth.UserFrom(ctx)
	if !ok {
		return nil, nil
	}
	spec.Username, spec.UID, spec.Groups = asks.GetName(), asks.GetUID(), slices.Clone(asks.GetGroups())
	for key, values := range asks.GetExtra() {
		if spec.Extra == nil {
			spec.Extra = map[string]certificatesv1.ExtraValue{}
		}
		spec.Extra[key] = slices.Clone(values)
	}
	return nil, nil
}
