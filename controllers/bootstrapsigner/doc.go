// Package bootstrapsigner signs what anybody may read of the cluster with every bootstrap token that may sign: a node that
// knows a token sees from the signature that the server knows it too, and believes the authority that it is told.
//
// It reads the ConfigMap cluster-info of kube-public and the Secrets of kube-system, and writes that ConfigMap's signatures.
// It makes neither tokens nor the ConfigMap.
package bootstrapsigner
