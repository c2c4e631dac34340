package extensions

import (
	"errors"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
)

// What failed once and then lost against another write waits for the event of that: it is not tried again and again until then.
func TestALostWriteOfAStatusWaitsForTheEvent(t *testing.T) {
	e, s := &Extensions{Clock: testingclock.NewFakeClock(time.Unix(1000, 0))}, &state{latest: &apiextensionsv1.CustomResourceDefinition{}}
	e.failed(t.Context(), s, errors.New("no room"))
	if s.retry.IsZero() {
		t.Fatal("what failed is not tried again")
	}
	for _, lost := range []error{apierrors.NewConflict(packed.Resource(), "hosts.net", nil), apierrors.NewNotFound(packed.Resource(), "hosts.net")} {
		e.failed(t.Context(), s, errors.New("no room"))
		e.failed(t.Context(), s, lost)
		if !s.retry.IsZero() {
			t.Errorf("after %v it is tried again at %v, before there is anything new", lost, s.retry)
		}
	}
}
