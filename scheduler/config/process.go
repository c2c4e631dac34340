package config

import (
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// Process is what a KubeSchedulerConfiguration says of the program that schedules, as far as it says so.
type Process struct {
	Kubeconfig string
	QPS        float32
	Burst      int32
	// LeaderElect and Profiling are on where nothing is said.
	LeaderElect, Profiling                    bool
	LeaseName, LeaseNamespace                 string
	LeaseDuration, RenewDeadline, RetryPeriod metav1.Duration
}

// ReadProcess reads that of a KubeSchedulerConfiguration in YAML or JSON.
func ReadProcess(data []byte) (Process, error) {
	from, err := decode(data)
	if err != nil {
		return Process{}, fmt.Errorf("reading KubeSchedulerConfiguration: %w", err)
	}
	leading, client := from.LeaderElection, from.ClientConnection
	return Process{
		Kubeconfig: client.Kubeconfig, QPS: client.QPS, Burst: client.Burst,
		LeaderElect: ptr.Deref(leading.LeaderElect, true), Profiling: ptr.Deref(from.EnableProfiling, true),
		LeaseName: leading.ResourceName, LeaseNamespace: leading.ResourceNamespace,
		LeaseDuration: leading.LeaseDuration, RenewDeadline: leading.RenewDeadline, RetryPeriod: leading.RetryPeriod,
	}, nil
}
