// Package extender calls HTTP extenders of the scheduler (KubeSchedulerConfiguration.extenders): programs of others that refuse
// nodes, score them, choose victims or bind pods. Bodies are those of k8s.io/kube-scheduler/extender/v1, in JSON.
//
// It owns the connections to them. It reads and writes nothing of the cluster.
package extender
