// Package imagepolicywebhook has another server decide which images pods may have: it posts an ImageReview of
// imagepolicy.k8s.io/v1alpha1 and remembers the answer for a while.
//
// It reads the object at hand and the configuration of the plugin with the kubeconfig that it names. It changes nothing.
package imagepolicywebhook
