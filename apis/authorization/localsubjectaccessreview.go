package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func localSubjectAccessReviews() *resource.Resource {
	return &resource.Resource{
		Group:      authorizationv1.GroupName,
		Name:       "localsubjectaccessreviews",
		Singular:   "localsubjectaccessreview",
		Kind:       "LocalSubjectAccessReview",
		Namespaced: true,
		Versions: []resource.Version{{
			Name: "v1",
			New:  resource.New[authorizationv1.LocalSubjectAccessReview],
		}},
		Verbs:   []string{"create"},
		Virtual: true,
	}
}
