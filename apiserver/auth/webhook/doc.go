// Package webhook asks other servers who a bearer token is (TokenReview) and what a user may do (SubjectAccessReview).
//
// It owns the reviews that it posts, what is done when nobody answers, and a bounded memory of decisions. It reads kubeconfigs and
// writes nothing. Whether a request is sent at all is said by match conditions; what an answer means by the order of authorizers.
package webhook
