package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"

	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

// The objects without which a request could have no flow.
const (
	exemptName   = "exempt"
	catchAllName = "catch-all"
)

func mandatory(name string) bool { return name == exemptName || name == catchAllName }

func mandatorySchemas() []*flowcontrolv1.FlowSchema {
	return pick[*flowcontrolv1.FlowSchema](mandatory)
}

func mandatoryLevels() []*flowcontrolv1.PriorityLevelConfiguration {
	return pick[*flowcontrolv1.PriorityLevelConfiguration](mandatory)
}

// pick takes from what a cluster begins with.
func pick[T interface{ GetName() string }](wanted func(name string) bool) []T {
	var picked []T
	for _, object := range bootstrap.FlowControl() {
		if typed, ok := object.(T); ok && wanted(typed.GetName()) {
			picked = append(picked, typed)
		}
	}
	return picked
}
