package flowcontrol

import (
	"slices"
	"strings"
	"testing"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// A table of flow schemas shows first what is looked at first.
func TestFlowSchemasAreShownByPrecedence(t *testing.T) {
	var all []resource.Object
	for name, precedence := range map[string]int32{"catch-all": 10000, "exempt": 1, "b": 500, "a": 500} {
		all = append(all, &flowcontrolv1.FlowSchema{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: flowcontrolv1.FlowSchemaSpec{MatchingPrecedence: precedence}})
	}
	var names []string
	for _, schema := range slices.SortedFunc(slices.Values(all), flowSchemas().RowOrder) {
		names = append(names, schema.GetName())
	}
	if got := strings.Join(names, " "); got != "exempt a b catch-all" {
		t.Errorf("got %s", got)
	}
}
