package apiserver

import (
	"context"
	"slices"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/policy"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/services"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// definitionHooks: a CustomResourceDefinition goes only after its objects, and says so meanwhile.
func definitionHooks(now clock.PassiveClock) kinds.Hooks {
	return kinds.Hooks{
		Holds: func(obj resource.Object) bool { return obj.GetDeletionTimestamp() == nil },
		OnTerminate: func(obj resource.Object) {
			crd := obj.(*apiextensionsv1.CustomResourceDefinition)
			known := func(c apiextensionsv1.CustomResourceDefinitionCondition) bool {
				return c.Type == apiextensionsv1.Terminating
			}
			crd.SetDeletionGracePeriodSeconds(nil)
			if slices.ContainsFunc(crd.Status.Conditions, known) {
				return
			}
			crd.Generation-- // unlike others, whose generation counts the beginning of their deletion
			crd.Finalizers = append(crd.Finalizers, apiextensionsv1.CustomResourceCleanupFinalizer)
			crd.Status.Conditions = append(crd.Status.Conditions, apiextensionsv1.CustomResourceDefinitionCondition{
				Type: apiextensionsv1.Terminating, Status: apiextensionsv1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Now().Truncate(time.Second)),
				Reason: "InstanceDeletionPending", Message: "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
			})
		},
	}
}

// hooksOf is the one list of resources that have any.
func (s *Server) hooksOf(row *resource.Resource) kinds.Hooks {
	if row.Group == certificatesv1.GroupName && row.Name == "certificatesigningrequests" {
		return kinds.Hooks{OnCreate: signRequestor}
	}
	if row.Group == apiextensionsv1.GroupName && row.Name == "customresourcedefinitions" {
		return definitionHooks(s.Clock)
	}
	if row.Group == admissionregistrationv1.GroupName {
		return kinds.Hooks{Wrong: (&policy.Check{Environments: &s.expressions}).Errors}
	}
	switch row.Name {
	case "csidrivers", "csinodes", "deviceclasses", "resourceclaims", "resourceslices", "storageclasses", "volumeattachments":
		return kinds.Hooks{ReturnsDeleted: true}
	}
	if row.Group != "" {
		return kinds.Hooks{}
	}
	switch row.Name {
	case "namespaces":
		return namespaceHooks()
	case "services":
		return services.Hooks(s.Services, s.Store, &s.Served, s.given)
	case "pods", "persistentvolumes", "persistentvolumeclaims", "serviceaccounts", "podtemplates", "resourcequotas":
		return kinds.Hooks{ReturnsDeleted: true}
	}
	return kinds.Hooks{}
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

// namespaceHooks: a namespace goes only when the finalizers of its spec are worked off, and says so meanwhile.
func namespaceHooks() kinds.Hooks {
	return kinds.Hooks{
		Holds: func(obj resource.Object) bool { return len(obj.(*corev1.Namespace).Spec.Finalizers) > 0 },
		OnTerminate: func(obj resource.Object) {
			obj.(*corev1.Namespace).Status.Phase = corev1.NamespaceTerminating
			obj.SetDeletionGracePeriodSeconds(nil)
		},
	}
}
