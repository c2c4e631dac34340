package write

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// afterAdmission says in a warning that owners were named twice by a patch or by what admission changed, not by the object as sent.
const afterAdmission = " after mutating admission happens"

// nameOwnersOnce drops owners that are named again in the very same way, and warns of each.
func (c Verbs) nameOwnersOnce(obj resource.Object, when string) {
	all := obj.GetOwnerReferences()
	if len(all) < 2 {
		return
	}
	kept := make([]metav1.OwnerReference, 0, len(all))
	var again []string
	for i := range all {
		same := func(other metav1.OwnerReference) bool { return equality.Semantic.DeepEqual(other, all[i]) }
		if slices.ContainsFunc(kept, same) {
			again = append(again, string(all[i].UID))
		} else {
			kept = append(kept, all[i])
		}
	}
	if len(again) == 0 {
		return
	}
	obj.SetOwnerReferences(kept)
	warning.Add(c.Context(), ".metadata.ownerReferences contains duplicate entries"+when+"; API server dedups owner references in 1.20+, "+
		"and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: "+strings.Join(again, ", "))
}
