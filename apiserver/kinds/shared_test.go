package kinds

import (
	"strconv"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Sets of fields that read alike become one, others stay what they are, and long ones are not kept.
func TestFieldSetsAreShared(t *testing.T) {
	var sets fieldSets
	if sets.share(nil) != nil {
		t.Error("nothing became something")
	}
	const labels = `{"f:metadata":{"f:labels":{}}}`
	first := sets.share(metav1.NewFieldsV1(labels))
	if second := sets.share(metav1.NewFieldsV1(labels)); second != first {
		t.Error("two that read alike are not one")
	}
	for i := range 10 * len(sets.slots) {
		want := `{"f:data":{"f:` + strconv.Itoa(i) + `":{}}}`
		if got := sets.share(metav1.NewFieldsV1(want)).GetRawString(); got != want {
			t.Fatalf("%s became %s", want, got)
		}
	}
	long := `{"f:data":{"f:` + strings.Repeat("x", maxSharedFields) + `":{}}}`
	if first := sets.share(metav1.NewFieldsV1(long)); first == sets.share(metav1.NewFieldsV1(long)) {
		t.Error("a long one is kept")
	}
}
