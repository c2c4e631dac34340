package apiserver

import (
	"context"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// certificateHooks: a signing request says who made it, whatever it says itself.
func certificateHooks() hooks {
	return hooks{onCreate: func(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
		spec := &obj.(*certificatesv1.CertificateSigningRequest).Spec
		spec.Username, spec.UID, spec.Groups, spec.Extra = "", "", nil, nil
		if u, ok := auth.UserFrom(ctx); ok {
			spec.Username, spec.UID, spec.Groups = u.GetName(), u.GetUID(), u.GetGroups()
			for key, values := range u.GetExtra() {
				if spec.Extra == nil {
					spec.Extra = map[string]certificatesv1.ExtraValue{}
				}
				spec.Extra[key] = values
			}
		}
		return nil, nil
	}}
}
