package upstream

import (
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/standalone"
	"github.com/coxswain-k8s/coxswain/controllers"
)

// What users tune of kube-controller-manager is what its controllers are told; what they do not is as upstream has it.
func TestTuningFlags(t *testing.T) {
	m := standalone.DefaultControllerManager()
	flags := pflag.NewFlagSet("kube-controller-manager", pflag.ContinueOnError)
	addTuningFlags(flags, &m)
	err := flags.Parse([]string{
		"--concurrent-deployment-syncs=7", "--horizontal-pod-autoscaler-sync-period=30s", "--horizontal-pod-autoscaler-tolerance=0.2", "--node-eviction-rate=0.5",
		"--max-endpoints-per-slice=50", "--pv-recycler-minimum-timeout-nfs=7",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := controllers.DefaultTuning()
	got := m.Tuning
	if got.Workers["deployment"] != 7 || got.Autoscaling.Period != 30*time.Second || got.Autoscaling.Tolerance != 0.2 || got.NodeDrains.Rate != 0.5 || got.EndpointsPerSlice != 50 || got.Recycling.NFS.Least != 7*time.Second {
		t.Errorf("%+v", got)
	}
	if got.Autoscaling.Downscale != want.Autoscaling.Downscale || got.NodeDrains.Large != 50 || got.Recycling.HostPath != want.Recycling.HostPath || got.MirroredPerSubset != 1000 {
		t.Errorf("what was not given has changed: %+v", got)
	}
	for name := range got.Workers {
		if name != "deployment" {
			t.Errorf("%s has %d workers", name, got.Workers[name])
		}
	}
	if err := flags.Parse([]string{"--concurrent-job-syncs=many"}); err == nil {
		t.Error("many is a number")
	}
}
