package node

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// The messages are those of kube-apiserver v1.36.3.
func TestDeclaredFeatures(t *testing.T) {
	const form = "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
	for features, want := range map[string]string{
		"":            "",
		"A A/B1/cD B": "",
		"a":           `status.declaredFeatures[0]: Invalid value: "a": invalid feature name "a": ` + form,
		"A/":          `status.declaredFeatures[0]: Invalid value: "A/": invalid feature name "A/": ` + form,
		"B A B":       `status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically`,
		"X A A":       `[status.declaredFeatures[1]: Invalid value: "A": list must be sorted alphabetically, status.declaredFeatures[2]: Duplicate value: "A"]`,
	} {
		n := &corev1.Node{Status: corev1.NodeStatus{DeclaredFeatures: strings.Fields(features)}}
		got := ""
		if err := validateStatus(n, n).ToAggregate(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: got %s\nwant %s", features, got, want)
		}
	}
}
