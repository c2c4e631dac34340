package noderestriction

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/node"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/podref"
)

// token: for a pod that runs here, and for whom the pod means to use it.
func (p *Plugin) token(ctx context.Context, a *admission.Attributes) error {
	request, ok := a.Object.(*authenticationv1.TokenRequest)
	if !ok || !a.Is(accounts, "token", admission.Create) {
		return nil
	}
	ref := request.Spec.BoundObjectRef
	if ref == nil || ref.APIVersion != "v1" || ref.Kind != "Pod" || ref.Name == "" {
		return errors.New("node requested token not bound to a pod")
	}
	if ref.UID == "" {
		return errors.New("node requested token with a pod binding without a uid")
	}
	pod, ok, err := auth.Find[*corev1.Pod](ctx, p.Lister, pods, a.Namespace, ref.Name)
	if err != nil {
		return err
	}
	if !ok {
		return apierrors.NewNotFound(schema.GroupResource{Resource: "pod"}, ref.Name)
	}
	if pod.UID != ref.UID {
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. The object might have been deleted and then recreated", ref.UID)
	}
	if name, _ := node.Identity(a.User); pod.Spec.NodeName != name {
		return errors.New("node requested token bound to a pod scheduled on a different node")
	}
	return p.audience(ctx, a, request.Spec.Audiences, pod)
}

func (p *Plugin) audience(ctx context.Context, a *admission.Attributes, audiences []string, pod *corev1.Pod) error {
	if len(audiences) > 1 {
		return fmt.Errorf("node may only request 0 or 1 audiences")
	}
	wanted := ""
	if len(audiences) == 1 {
		wanted = audiences[0]
	}
	if wanted == "" || p.inSpec(pod, wanted) {
		return nil
	}
	decision, _, err := p.Authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: a.User, Verb: "request-serviceaccounts-token-audience", Namespace: a.Namespace, APIVersion: "*",
		Resource: wanted, Name: a.Name, ResourceRequest: true,
	})
	if err == nil && decision == authorizer.DecisionAllow {
		return nil
	}
	return fmt.Errorf("audience %q not found in pod spec volume, %s is not authorized to request tokens for this audience", wanted, a.User.GetName())
}

// inSpec: the pod projects a token for the audience, or one of its volumes' drivers asks for one.
func (p *Plugin) inSpec(pod *corev1.Pod, wanted string) bool {
	found := false
	asksFor := func(driver string) {
		obj, ok := auth.Get[*storagev1.CSIDriver](p.Lister, drivers, "", driver)
		if !ok {
			return
		}
		for _, request := range obj.Spec.TokenRequests {
			found = found || request.Audience == wanted
		}
	}
	podref.Visit(pod, podref.Visitor{
		Token: func(projection *corev1.ServiceAccountTokenProjection) { found = found || projection.Audience == wanted },
		Claim: func(name string) {
			claim, ok := auth.Get[*corev1.PersistentVolumeClaim](p.Lister, claims, pod.Namespace, name)
			if !ok || claim.Spec.VolumeName == "" {
				return
			}
			volume, ok := auth.Get[*corev1.PersistentVolume](p.Lister, volumes, "", claim.Spec.VolumeName)
			if ok && volume.Spec.CSI != nil {
				asksFor(volume.Spec.CSI.Driver)
			}
		},
	})
	for _, volume := range pod.Spec.Volumes {
		if volume.CSI != nil {
			asksFor(volume.CSI.Driver)
		}
	}
	return found
}

// certificateRequest: for its own name.
func certificateRequest(name string, a *admission.Attributes) error {
	request, ok := a.Object.(*certificatesv1.CertificateSigningRequest)
	if !ok || !a.Is(requests, "", admission.Create) {
		return nil
	}
	switch request.Spec.SignerName {
	case certificatesv1.KubeAPIServerClientKubeletSignerName, certificatesv1.KubeletServingSignerName:
	default:
		return nil
	}
	block, _ := pem.Decode(request.Spec.Request)
	if block == nil {
		return errors.New("unable to parse csr: PEM block type must be CERTIFICATE REQUEST")
	}
	parsed, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return fmt.Errorf("unable to parse csr: %w", err)
	}
	if own := "system:node:" + name; parsed.Subject.CommonName != own {
		return fmt.Errorf("can only create a node CSR with CN=%s", own)
	}
	return nil
}
