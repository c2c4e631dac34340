package resourcequota

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// What admission charges must not be counted again: the object that it charged for may not be stored yet, and the count
// would let in one too many.
func TestChargesAreNotCountedAgain(t *testing.T) {
	pods := func(n string) corev1.ResourceList { return corev1.ResourceList{"pods": resource.MustParse(n)} }
	quota := func(spec, hard, used string) *corev1.ResourceQuota {
		return &corev1.ResourceQuota{
			Spec:   corev1.ResourceQuotaSpec{Hard: pods(spec)},
			Status: corev1.ResourceQuotaStatus{Hard: pods(hard), Used: pods(used)},
		}
	}
	for why, test := range map[string]struct {
		before, after *corev1.ResourceQuota
		want          bool
	}{
		"charged":      {quota("2", "2", "0"), quota("2", "2", "1"), false},
		"allows more":  {quota("2", "2", "1"), quota("3", "2", "1"), true},
		"not yet done": {quota("3", "2", "1"), quota("3", "2", "2"), true},
	} {
		if got := allowsOther.Update(event.UpdateEvent{ObjectOld: test.before, ObjectNew: test.after}); got != test.want {
			t.Errorf("%s: counts %t, want %t", why, got, test.want)
		}
	}
	if !allowsOther.Create(event.CreateEvent{Object: quota("2", "0", "0")}) {
		t.Error("a new quota is not counted")
	}
}
