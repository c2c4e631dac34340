package namespace

import (
	"errors"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// The words are those of kube-controller-manager v1.36.3.
func TestWhatIsToldOfGroupsThatDoNotAnswer(t *testing.T) {
	down := schema.GroupVersion{Group: "sea.example.com", Version: "v1"}
	status := &corev1.NamespaceStatus{}
	setConditions(status, &content{discovery: &discovery.ErrGroupDiscoveryFailed{Groups: map[schema.GroupVersion]error{down: errors.New("stale")}}}, time.Unix(0, 0))
	const want = "Discovery failed for some groups, 1 failing: unable to retrieve the complete list of server APIs: sea.example.com/v1: stale"
	if got := status.Conditions[0]; got.Type != corev1.NamespaceDeletionDiscoveryFailure || got.Message != want {
		t.Errorf("%s: %s", got.Type, got.Message)
	}
}
