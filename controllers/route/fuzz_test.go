package route

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// odd are routes of a cloud that knows anything.
type odd []*cloudprovider.Route

func (o odd) ListRoutes(context.Context, string) ([]*cloudprovider.Route, error) { return o, nil }

func (odd) CreateRoute(_ context.Context, _, _ string, r *cloudprovider.Route) error {
	if r.DestinationCIDR == "a" {
		return errors.New("no such network")
	}
	return nil
}

func (odd) DeleteRoute(context.Context, string, *cloudprovider.Route) error {
	return errors.New("it stays")
}

// Nothing that is stored, and no cloud, makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		c := &Controller{
			Client: fill.NewClient(clientgoscheme.Scheme), Recorder: &record.FakeRecorder{}, Routes: odd(fuzzing.List[cloudprovider.Route](fill, 4)), Period: time.Minute,
			Clock: clocktesting.NewFakePassiveClock(fuzzing.Now()), ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")},
		}
		_, _ = c.Reconcile(t.Context(), reconcile.Request{})
	})
}
