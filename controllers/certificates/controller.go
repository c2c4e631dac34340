package certificates

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"slices"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "certificates"

// Parts of what it does that can be left out by these names.
const (
	Approving = Name + "/approving"
	// ServingApproving is about the serving certificates of kubelets, which upstream leaves to people.
	ServingApproving = Name + "/approving-serving"
	Cleaning         = Name + "/cleaning"
	Signing          = Name + "/signing"
)

// How long a request is kept, by what became of it.
const (
	keepDecided = time.Hour
	keepPending = 24 * time.Hour
)

// Controller reconciles certificate signing requests.
type Controller struct {
	Client client.Client
	Clock  clock.PassiveClock
	// Signers by the names of what they sign; others sign the rest.
	Signers map[string]*kit.Signer
	// ServerNode is as in kit.Deps.
	ServerNode string
	// KeepsAll, ApprovesNone and ApprovesNoServing are for when others clean up, approve, or approve what kubelets serve with.
	KeepsAll, ApprovesNone, ApprovesNoServing bool
}

// Reconcile approves, signs or deletes a request, one of them at a time.
func (c *Controller) Reconcile(ctx context.Context, csr *certificatesv1.CertificateSigningRequest) (reconcile.Result, error) {
	now := c.Clock.Now()
	wait := expiresIn(csr, now)
	switch {
	case c.KeepsAll:
		wait = 0
	case wait <= 0:
		err := client.IgnoreNotFound(c.Client.Delete(ctx, csr, client.Preconditions{UID: &csr.UID}))
		return patch.Result(reconcile.Result{}, err)
	}
	decided := condition(csr, certificatesv1.CertificateDenied) != nil || condition(csr, certificatesv1.CertificateFailed) != nil
	if decided || len(csr.Status.Certificate) > 0 {
		return kit.After(wait), nil
	}
	request, err := parse(csr)
	if condition(csr, certificatesv1.CertificateApproved) != nil {
		signer := c.Signers[csr.Spec.SignerName]
		if signer == nil {
			return kit.After(wait), nil
		}
		if err == nil {
			err = validate(csr.Spec.SignerName, request, csr.Spec.Usages)
		}
		return patch.Result(kit.After(wait), c.issue(ctx, csr, signer, request, err))
	}
	if err != nil || c.ApprovesNone {
		return kit.After(wait), nil // an approver may say so
	}
	message, err := c.approval(ctx, csr, request)
	if message == "" || err != nil {
		return kit.After(wait), err
	}
	return patch.Result(kit.After(wait), c.approve(ctx, csr, message))
}

func (c *Controller) approve(ctx context.Context, csr *certificatesv1.CertificateSigningRequest, message string) error {
	changed := csr.DeepCopy()
	changed.Status.Conditions = append(changed.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
		Type: certificatesv1.CertificateApproved, Status: corev1.ConditionTrue, Reason: "AutoApproved", Message: message,
		LastUpdateTime: metav1.NewTime(c.Clock.Now()), LastTransitionTime: metav1.NewTime(c.Clock.Now()),
	})
	if err := c.Client.SubResource("approval").Update(ctx, changed); err != nil {
		return fmt.Errorf("approving request: %w", err)
	}
	return nil
}

// issue writes the certificate of an approved request, or that it cannot be had.
func (c *Controller) issue(ctx context.Context, csr *certificatesv1.CertificateSigningRequest, signer *kit.Signer, request *x509.CertificateRequest, refusal error) error {
	now := c.Clock.Now()
	var certificate []byte
	if refusal == nil {
		var err error
		if certificate, err = sign(signer, request, &csr.Spec, now); err != nil {
			return err
		}
	}
	_, err := patch.Status(ctx, c.Client, csr, func(changed *certificatesv1.CertificateSigningRequest) {
		changed.Status.Certificate = certificate
		if refusal != nil {
			changed.Status.Conditions = append(changed.Status.Conditions, certificatesv1.CertificateSigningRequestCondition{
				Type: certificatesv1.CertificateFailed, Status: corev1.ConditionTrue, Reason: "SignerValidationFailure",
				Message: refusal.Error(), LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
			})
		}
	})
	return err
}

// expiresIn is how long a request is still kept: not positive when it is to go.
func expiresIn(csr *certificatesv1.CertificateSigningRequest, now time.Time) time.Duration {
	until := csr.CreationTimestamp.Add(keepPending)
	for _, kind := range []certificatesv1.RequestConditionType{
		certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed,
	} {
		if have := condition(csr, kind); have != nil {
			if decided := have.LastUpdateTime.Add(keepDecided); !have.LastUpdateTime.IsZero() && decided.Before(until) {
				until = decided
			}
		}
	}
	if end, ok := certificateEnd(csr.Status.Certificate); ok && end.Before(until) {
		until = end
	}
	return until.Sub(now)
}

func certificateEnd(chain []byte) (time.Time, bool) {
	block, _ := pem.Decode(chain)
	if block == nil {
		return time.Time{}, false
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}, false
	}
	return certificate.NotAfter, true
}

// Register puts the controller on mgr. It wakes when a request changes and when one has
// been kept for long enough.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	without := func(part string) bool { return slices.Contains(deps.Disabled, part) }
	c := &Controller{
		Client: mgr.GetClient(), Clock: deps.Clock, ServerNode: deps.ServerNode, Signers: map[string]*kit.Signer{},
		KeepsAll: without(Cleaning), ApprovesNone: without(Approving), ApprovesNoServing: without(ServingApproving),
	}
	if c.KeepsAll && c.ApprovesNone && without(Signing) {
		return nil
	}
	if !without(Signing) {
		c.Signers = signers(deps)
	}
	return kit.New(mgr, Name).
		For(&certificatesv1.CertificateSigningRequest{}).
		Complete(reconcile.AsReconciler(c.Client, c))
}

// signers by the names of what they sign.
func signers(deps kit.Deps) map[string]*kit.Signer {
	kubelets := deps.KubeletClientSigner
	if kubelets == nil {
		kubelets = deps.ClientSigner
	}
	return map[string]*kit.Signer{
		certificatesv1.KubeAPIServerClientSignerName:        deps.ClientSigner,
		certificatesv1.KubeAPIServerClientKubeletSignerName: kubelets,
		certificatesv1.KubeletServingSignerName:             deps.ServingSigner,
		NodeComponentSigner:                                 deps.ClientSigner,
	}
}
