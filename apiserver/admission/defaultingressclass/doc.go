// Package defaultingressclass gives ingresses that name no class the default one.
//
// It reads ingress classes. It changes ingresses at their creation.
package defaultingressclass
