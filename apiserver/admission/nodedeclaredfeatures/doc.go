// Package nodedeclaredfeatures refuses changes of pods that the pod's node cannot carry out: what a change needs is inferred from it by
// k8s.io/component-helpers/nodedeclaredfeatures, and what the node can do is what it declares in its status.
//
// It reads nodes, and changes nothing. Where pods may go in the first place is for the scheduler's plugin of that name to say.
package nodedeclaredfeatures
