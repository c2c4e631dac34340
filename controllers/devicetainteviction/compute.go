package devicetainteviction

import (
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
)

// taintsOf are the NoExecute taints of one device, from the newest generation of its pool.
func taintsOf(slices []resourcev1.ResourceSlice, device *resourcev1.DeviceRequestAllocationResult) []resourcev1.DeviceTaint {
	var taints []resourcev1.DeviceTaint
	newest := int64(-1)
	for i := range slices {
		spec := &slices[i].Spec
		if spec.Driver != device.Driver || spec.Pool.Name != device.Pool || spec.Pool.Generation < newest {
			continue
		}
		if spec.Pool.Generation > newest {
			newest, taints = spec.Pool.Generation, nil
		}
		for j := range spec.Devices {
			if spec.Devices[j].Name == device.Device {
				taints = append(taints, noExecute(spec.Devices[j].Taints, slices[i].CreationTimestamp.Time)...)
			}
		}
	}
	return taints
}

// noExecute are the taints that pods are evicted for. Those that do not say since when are as old as their slice.
func noExecute(taints []resourcev1.DeviceTaint, slice time.Time) []resourcev1.DeviceTaint {
	var out []resourcev1.DeviceTaint
	for _, taint := range taints {
		if taint.Effect != resourcev1.DeviceTaintEffectNoExecute {
			continue
		}
		if taint.TimeAdded == nil {
			taint = *taint.DeepCopy()
			taint.TimeAdded = newTime(slice)
		}
		out = append(out, taint)
	}
	return out
}

// deadline is when the pods of a claim are to go, and false if they may stay for ever. Of several the earliest counts.
func deadline(claim *resourcev1.ResourceClaim, slices []resourcev1.ResourceSlice) (time.Time, bool) {
	var earliest time.Time
	evicts := false
	if claim.Status.Allocation == nil {
		return earliest, false
	}
	for i := range claim.Status.Allocation.Devices.Results {
		device := &claim.Status.Allocation.Devices.Results[i]
		for _, taint := range taintsOf(slices, device) {
			if until, limited := tolerated(taint, device.Tolerations); limited && (!evicts || until.Before(earliest)) {
				earliest, evicts = until, true
			}
		}
	}
	return earliest, evicts
}

// tolerated says until when a taint is tolerated; false means for ever.
func tolerated(taint resourcev1.DeviceTaint, tolerations []resourcev1.DeviceToleration) (time.Time, bool) {
	until, known, limited := taint.TimeAdded.Time, false, false
	for _, toleration := range tolerations {
		if !resourceclaim.ToleratesTaint(toleration, taint) {
			continue
		}
		if toleration.TolerationSeconds == nil {
			known = true
			continue
		}
		end := taint.TimeAdded.Add(time.Duration(max(*toleration.TolerationSeconds, 0)) * time.Second)
		if !limited || end.Before(until) {
			until, limited = end, true
		}
		known = true
	}
	return until, limited || !known
}
