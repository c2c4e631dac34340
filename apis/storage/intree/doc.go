// Package intree says which storage driver has taken over what was a driver in the tree of Kubernetes: kubernetes.io/aws-ebs is
// ebs.csi.aws.com, and a volume of the one is a volume of the other under another description.
//
// It is a view of k8s.io/csi-translation-lib. It reads and writes nothing.
package intree
