package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func subjectAccessReviews() *resource.Resource {
	return &resource.Resource{
		Group:    authorizationv1.GroupName,
		Name:     "subjectaccessreviews",
		Singular: "subjectaccessreview",
		Kind:     "SubjectAccessReview",
		Versions: []resource.Version{{
			Name: "v1",
			New:  resource.New[authorizationv1.SubjectAccessReview],
		}},
		Verbs:   []string{"create"},
		Virtual: true,
	}
}
