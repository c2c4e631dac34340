package node

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// status computes what is to be reported; parts that others own are taken over from the node as it is.
func (r *Registrar) status(ctx context.Context, have *corev1.Node) corev1.NodeStatus {
	s := *have.Status.DeepCopy()
	s.Capacity, s.Allocatable = r.Machine.Capacity.DeepCopy(), r.Allocatable.DeepCopy()
	for name, q := range have.Status.Capacity { // extended resources are set by whoever advertises them
		if _, own := s.Capacity[name]; !own {
			s.Capacity[name] = q
			if a, ok := have.Status.Allocatable[name]; ok {
				s.Allocatable[name] = a
			}
		}
	}
	if !r.CloudAddresses || len(s.Addresses) == 0 {
		s.Addresses = r.addresses()
	}
	s.DaemonEndpoints.KubeletEndpoint.Port = r.Port
	s.NodeInfo, s.DeclaredFeatures = r.Machine.Info, features()
	s.NodeInfo.KubeletVersion, s.NodeInfo.ContainerRuntimeVersion = r.Version, r.RuntimeVersion
	if now := r.Clock.Now(); r.Images != nil && now.Sub(r.listed) >= imagesPeriod {
		if images := r.Images(ctx); images != nil {
			r.images, r.listed = images, now
		}
	}
	s.Images = r.images
	s.Conditions = r.conditions(ctx, s.Conditions)
	return s
}

func (r *Registrar) addresses() []corev1.NodeAddress {
	var all []corev1.NodeAddress
	for _, ip := range r.IPs {
		all = append(all, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip})
	}
	return append(all, corev1.NodeAddress{Type: corev1.NodeHostName, Address: r.Name})
}

// conditions replaces the kubelet's own four and keeps the others. The time of the last transition moves only with the status.
func (r *Registrar) conditions(ctx context.Context, before []corev1.NodeCondition) []corev1.NodeCondition {
	now := metav1.NewTime(r.Clock.Now()).Rfc3339Copy()
	var pressures map[corev1.NodeConditionType]bool
	if r.Pressure != nil {
		pressures = r.Pressure()
	}
	own := []corev1.NodeCondition{
		pressure(corev1.NodeMemoryPressure, pressures[corev1.NodeMemoryPressure], words{"KubeletHasInsufficientMemory", "kubelet has insufficient memory available", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"}),
		pressure(corev1.NodeDiskPressure, pressures[corev1.NodeDiskPressure], words{"KubeletHasDiskPressure", "kubelet has disk pressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"}),
		pressure(corev1.NodePIDPressure, pressures[corev1.NodePIDPressure], words{"KubeletHasInsufficientPID", "kubelet has insufficient PID available", "KubeletHasSufficientPID", "kubelet has sufficient PID available"}),
		{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"},
	}
	if problem := r.Problem(ctx); problem != "" {
		own[3].Status, own[3].Reason, own[3].Message = corev1.ConditionFalse, "KubeletNotReady", problem
	}
	out := slices.Clone(before)
	for _, c := range own {
		c.LastHeartbeatTime, c.LastTransitionTime = now, now
		i := slices.IndexFunc(out, func(o corev1.NodeCondition) bool { return o.Type == c.Type })
		if i < 0 {
			out = append(out, c)
			continue
		}
		if out[i].Status == c.Status {
			c.LastTransitionTime = out[i].LastTransitionTime
		}
		out[i] = c
	}
	return out
}

// words are what a condition says when it holds and when it does not.
type words struct{ badReason, badMessage, goodReason, goodMessage string }

func pressure(t corev1.NodeConditionType, there bool, w words) corev1.NodeCondition {
	if there {
		return corev1.NodeCondition{Type: t, Status: corev1.ConditionTrue, Reason: w.badReason, Message: w.badMessage}
	}
	return corev1.NodeCondition{Type: t, Status: corev1.ConditionFalse, Reason: w.goodReason, Message: w.goodMessage}
}

// sameStatus compares without heartbeats.
func sameStatus(a, b *corev1.NodeStatus) bool {
	strip := func(s *corev1.NodeStatus) *corev1.NodeStatus {
		c := s.DeepCopy()
		for i := range c.Conditions {
			c.Conditions[i].LastHeartbeatTime = metav1.Time{}
		}
		return c
	}
	return equality.Semantic.DeepEqual(strip(a), strip(b))
}
