package extensions

import (
	"fmt"
	"net/url"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// approval is the condition of definitions in groups of the Kubernetes project itself; nil for all others.
func approval(crd *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinitionCondition {
	if !protected(crd.Spec.Group) {
		return nil
	}
	const annotation = apiextensionsv1.KubeAPIApprovedAnnotation
	verdict := func(status bool, reason, message string) *apiextensionsv1.CustomResourceDefinitionCondition {
		made := condition(apiextensionsv1.KubernetesAPIApprovalPolicyConformant, status, reason, message)
		return &made
	}
	given := crd.Annotations[annotation]
	address, err := url.ParseRequestURI(given)
	switch {
	case given == "":
		return verdict(false, "MissingAnnotation", fmt.Sprintf("protected groups must have approval annotation %q, see https://github.com/kubernetes/enhancements/pull/1111", annotation))
	case strings.HasPrefix(given, "unapproved"):
		return verdict(false, "UnapprovedAnnotation", fmt.Sprintf("not approved: %q", given))
	case err == nil && address.Host != "" && address.Scheme != "":
		return verdict(true, "ApprovedAnnotation", "approved in "+given)
	}
	return verdict(false, "InvalidAnnotation", fmt.Sprintf(
		"protected groups must have approval annotation %q with either a URL or a reason starting with \"unapproved\", see https://github.com/kubernetes/enhancements/pull/1111", annotation))
}

func protected(group string) bool {
	return group == "k8s.io" || group == "kubernetes.io" || strings.HasSuffix(group, ".k8s.io") || strings.HasSuffix(group, ".kubernetes.io")
}
