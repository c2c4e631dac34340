// Package reviews posts questions to the one server that a kubeconfig names, and tries again where that may help: TokenReviews,
// SubjectAccessReviews and ImageReviews.
//
// It reads kubeconfigs and writes nothing, and knows nothing of what is asked.
package reviews
