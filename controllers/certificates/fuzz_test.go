package certificates

import (
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	c := &Controller{Client: fake.NewClientBuilder().Build(), Clock: clocktesting.NewFakePassiveClock(fuzzing.Now()), Signers: map[string]*kit.Signer{"a": {}}}
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		csr, nodes := &certificatesv1.CertificateSigningRequest{}, &corev1.NodeList{}
		fill.Fill(csr)
		fill.Fill(nodes)
		expiresIn(csr, fuzzing.Now())
		certificateEnd(csr.Status.Certificate)
		if request, err := parse(csr); err == nil {
			_ = validate(csr.Spec.SignerName, request, csr.Spec.Usages)
		}
		_, _ = c.Reconcile(t.Context(), csr) // what it is refused is the API's to say
	})
}
