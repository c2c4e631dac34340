package storageversionmigrator

import (
	"testing"

	migrationv1beta1 "k8s.io/api/storagemigration/v1beta1"
	fakediscovery "k8s.io/client-go/discovery/fake"
	clienttesting "k8s.io/client-go/testing"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	asking := &fakediscovery.FakeDiscovery{Fake: &clienttesting.Fake{}}
	c := &Controller{Client: api, Live: api, Discovery: asking, Clock: clocktesting.NewFakePassiveClock(fuzzing.Now())}
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		m := &migrationv1beta1.StorageVersionMigration{}
		fill.Fill(m)
		_, _ = c.Reconcile(t.Context(), m) // what it is refused is the API's to say
	})
}
