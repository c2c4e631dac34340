package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func selfSubjectRulesReviews() *resource.Resource {
	return &resource.Resource{
		Group:    authorizationv1.GroupName,
		Name:     "selfsubjectrulesreviews",
		Singular: "selfsubjectrulesreview",
		Kind:     "SelfSubjectRulesReview",
		Versions: []resource.Version{{
			Name: "v1",
			New:  resource.New[authorizationv1.SelfSubjectRulesReview],
		}},
		Verbs:   []string{"create"},
		Virtual: true,
	}
}
