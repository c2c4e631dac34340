package endpoints

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"
)

// Endpoints that somebody makes and changes for no service stay.
func TestEndpointsOfNoServiceAreLeftAlone(t *testing.T) {
	foreign, ours := &corev1.Endpoints{}, &corev1.Endpoints{}
	ours.Labels = map[string]string{managedByLabel: managedBy}
	for what, got := range map[string]bool{
		"created":            concerns.Create(event.CreateEvent{Object: foreign}),
		"changed":            concerns.Update(event.UpdateEvent{ObjectOld: foreign, ObjectNew: foreign}),
		"not there at first": !concerns.Create(event.CreateEvent{Object: foreign, IsInInitialList: true}),
		"ours, changed":      !concerns.Update(event.UpdateEvent{ObjectOld: ours, ObjectNew: ours}),
		"ours, deleted":      !concerns.Delete(event.DeleteEvent{Object: ours}),
	} {
		if got {
			t.Errorf("%s: the controller does the opposite of what it should", what)
		}
	}
}
