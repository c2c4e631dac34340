package revision

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"
)

func TestPlace(t *testing.T) {
	rev := func(number int64, data string) *appsv1.ControllerRevision {
		return &appsv1.ControllerRevision{Revision: number, Data: runtime.RawExtension{Raw: []byte(data)}}
	}
	a, b := `{"a":1}`, `{"b":1}`
	for why, test := range map[string]struct {
		all  []*appsv1.ControllerRevision
		at   int
		next int64
	}{
		"the first":                       {nil, -1, 1},
		"a new one":                       {[]*appsv1.ControllerRevision{rev(1, b), rev(2, b)}, -1, 3},
		"the newest":                      {[]*appsv1.ControllerRevision{rev(1, b), rev(2, a)}, 1, 2},
		"one to go back to":               {[]*appsv1.ControllerRevision{rev(1, a), rev(2, b)}, 0, 3},
		"two of the same":                 {[]*appsv1.ControllerRevision{rev(1, a), rev(2, a)}, 0, 1},
		"two of the same, another before": {[]*appsv1.ControllerRevision{rev(1, b), rev(2, a), rev(3, `{ "a": 1 }`)}, 1, 2},
	} {
		if at, next := place(test.all, []byte(a)); at != test.at || next != test.next {
			t.Errorf("%s: at %d, next %d; want %d, %d", why, at, next, test.at, test.next)
		}
	}
}
