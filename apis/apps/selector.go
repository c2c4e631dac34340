package apps

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// selectorText is a selector as a scale reports it, empty for one that cannot be read.
func selectorText(selector *metav1.LabelSelector) string {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return ""
	}
	return s.String()
}
