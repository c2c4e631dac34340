package upstream

import (
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster/standalone"
)

// workers is how many objects a controller looks at at a time.
type workers struct {
	of   map[string]int
	name string
}

// String implements pflag.Value.
func (w workers) String() string { return strconv.Itoa(w.of[w.name]) }

// Type implements pflag.Value.
func (w workers) Type() string { return "int" }

// Set implements pflag.Value.
func (w workers) Set(value string) (err error) {
	w.of[w.name], err = strconv.Atoi(value)
	return err
}

// seconds is a time that is given as a number of them.
type seconds struct{ of *time.Duration }

// String implements pflag.Value.
func (s seconds) String() string {
	if s.of == nil {
		return "0"
	}
	return strconv.Itoa(int(s.of.Seconds()))
}

// Type implements pflag.Value.
func (s seconds) Type() string { return "int" }

// Set implements pflag.Value.
func (s seconds) Set(value string) error {
	n, err := strconv.Atoi(value)
	*s.of = time.Duration(n) * time.Second
	return err
}

// addTuningFlags are those of how kube-controller-manager's controllers work.
func addTuningFlags(flags *pflag.FlagSet, m *standalone.ControllerManager) {
	t := m.Tuning
	for flag, controller := range map[string]string{
		"concurrent-deployment-syncs": "deployment", "concurrent-replicaset-syncs": "replicaset", "concurrent-rc-syncs": "replicationcontroller",
		"concurrent-statefulset-syncs": "statefulset", "concurrent-daemonset-syncs": "daemonset", "concurrent-job-syncs": "job", "concurrent-cron-job-syncs": "cronjob",
		"concurrent-ttl-after-finished-syncs": "ttlafterfinished", "concurrent-horizontal-pod-autoscaler-syncs": "horizontalpodautoscaler",
		"concurrent-endpoint-syncs": "endpoints", "concurrent-service-endpoint-syncs": "endpointslice", "mirroring-concurrent-service-endpoint-syncs": "endpointslicemirroring",
		"concurrent-namespace-syncs": "namespace", "concurrent-resource-quota-syncs": "resourcequota", "concurrent-gc-syncs": "garbagecollector",
		"concurrent-serviceaccount-token-syncs": "serviceaccounttoken", "concurrent-ephemeralvolume-syncs": "ephemeralvolume",
		"concurrent-resourceclaim-syncs": "resourceclaim", "concurrent-device-taint-eviction-syncs": "devicetainteviction",
	} {
		flags.Var(workers{t.Workers, controller}, flag, "objects that the controller "+controller+" looks at at a time; 0 leaves that to it")
	}
	flags.IntVar(&t.EndpointsPerSlice, "max-endpoints-per-slice", t.EndpointsPerSlice, "endpoints that an EndpointSlice holds")
	flags.IntVar(&t.MirroredPerSubset, "mirroring-max-endpoints-per-subset", t.MirroredPerSubset, "addresses of a subset of Endpoints that are mirrored")
	scaling := &t.Autoscaling
	flags.DurationVar(&scaling.Period, "horizontal-pod-autoscaler-sync-period", scaling.Period, "how often metrics are asked for")
	flags.DurationVar(&scaling.Downscale, "horizontal-pod-autoscaler-downscale-stabilization", scaling.Downscale, "how long a larger recommendation counts")
	flags.Float64Var(&scaling.Tolerance, "horizontal-pod-autoscaler-tolerance", scaling.Tolerance, "how far from what is wanted metrics may be")
	flags.DurationVar(&scaling.Initialization, "horizontal-pod-autoscaler-cpu-initialization-period", scaling.Initialization, "how long the CPU usage of a new pod counts for little")
	flags.DurationVar(&scaling.ReadinessDelay, "horizontal-pod-autoscaler-initial-readiness-delay", scaling.ReadinessDelay, "how long after its start a pod may become ready for the first time")
	drains := &t.NodeDrains
	flags.DurationVar(&t.NodeStartupGrace, "node-startup-grace-period", t.NodeStartupGrace, "how long a new node may be silent")
	flags.Float64Var(&drains.Rate, "node-eviction-rate", drains.Rate, "nodes of a zone a second that are emptied when they are not ready")
	flags.Float64Var(&drains.Unhealthy, "unhealthy-zone-threshold", drains.Unhealthy, "part of the nodes of a zone that are not ready from which on it is unhealthy")
	flags.IntVar(&drains.Large, "large-cluster-size-threshold", drains.Large, "nodes of a zone up to which it is left alone when it is unhealthy")
	flags.Float64Var(&drains.SecondaryRate, "secondary-node-eviction-rate", drains.SecondaryRate, "nodes of an unhealthy zone a second that are emptied")
	recycling := &t.Recycling
	flags.DurationVar(&recycling.Retry, "pvclaimbinder-sync-period", recycling.Retry, "how soon a volume that could not be recycled is tried again")
	flags.Var(seconds{&recycling.HostPath.Least}, "pv-recycler-minimum-timeout-hostpath", "seconds that recycling a volume of hostPath may take, at least")
	flags.Var(seconds{&recycling.HostPath.Each}, "pv-recycler-timeout-increment-hostpath", "seconds that it may take for each GiB")
	flags.Var(seconds{&recycling.NFS.Least}, "pv-recycler-minimum-timeout-nfs", "seconds that recycling a volume of NFS may take, at least")
	flags.Var(seconds{&recycling.NFS.Each}, "pv-recycler-increment-timeout-nfs", "seconds that it may take for each GiB")
	flags.StringVar(&m.RecyclerHostPath, "pv-recycler-pod-template-filepath-hostpath", "", "file of the pod that recycles volumes of hostPath")
	flags.StringVar(&m.RecyclerNFS, "pv-recycler-pod-template-filepath-nfs", "", "file of the pod that recycles volumes of NFS")
}
