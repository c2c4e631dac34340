package gated

import corev1 "k8s.io/api/core/v1"

// Drop leaves out of a specification the fields of features that are off, as they are in upstream by default, unless the
// old one, nil for a new object, has them already.
func Drop(spec, old *corev1.PodSpec) {
	if spec == nil {
		return
	}
	if old == nil || old.SchedulingGroup == nil {
		spec.SchedulingGroup = nil
	}
	if !usesStopSignals(old) {
		dropStopSignals(spec)
	}
	bundles := projects(old, func(s *corev1.VolumeProjection) bool { return s.ClusterTrustBundle != nil })
	certificates := projects(old, func(s *corev1.VolumeProjection) bool { return s.PodCertificate != nil })
	projects(spec, func(s *corev1.VolumeProjection) bool {
		if !bundles {
			s.ClusterTrustBundle = nil
		}
		if !certificates {
			s.PodCertificate = nil
		}
		return false
	})
}

func usesStopSignals(spec *corev1.PodSpec) bool {
	if spec == nil {
		return false
	}
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			if lifecycle := containers[i].Lifecycle; lifecycle != nil && lifecycle.StopSignal != nil {
				return true
			}
		}
	}
	return false
}

// dropStopSignals leaves no lifecycle of which nothing is left.
func dropStopSignals(spec *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			lifecycle := containers[i].Lifecycle
			if lifecycle == nil || lifecycle.StopSignal == nil {
				continue
			}
			if lifecycle.StopSignal = nil; *lifecycle == (corev1.Lifecycle{}) {
				containers[i].Lifecycle = nil
			}
		}
	}
}

// projects looks at the sources of projected volumes until one is what is looked for.
func projects(spec *corev1.PodSpec, is func(*corev1.VolumeProjection) bool) bool {
	if spec == nil {
		return false
	}
	for i := range spec.Volumes {
		projected := spec.Volumes[i].Projected
		for j := 0; projected != nil && j < len(projected.Sources); j++ {
			if is(&projected.Sources[j]) {
				return true
			}
		}
	}
	return false
}
