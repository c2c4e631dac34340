// Package resourceclaim makes the ResourceClaims that pods ask for by templates, and ends reservations of pods that need their
// claims no more.
//
//	pod with templates --> pods.go: claim made, its name written into the pod's status
//	claim, its pods -----> claims.go: reservations of pods that are gone or finished are taken away; without any, the devices
//	                       are given back, and the claim of a finished pod is deleted
//
// It reads pods, templates and claims, and writes claims, the resourceClaimStatuses of pods, and events. It never allocates
// devices: the scheduler does.
package resourceclaim
