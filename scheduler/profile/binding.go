package profile

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// Reserve asks the plugins to set aside what the pod needs on the node; when one fails, all give it back.
func (p *Profile) Reserve(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	for _, plugin := range p.reserve {
		status := p.timed(state, "Reserve", plugin, func() *fwk.Status { return plugin.Reserve(ctx, state, pod, node) })
		if !status.IsSuccess() {
			p.Unreserve(ctx, state, pod, node)
			return running("Reserve", named(status, plugin))
		}
	}
	return nil
}

// Unreserve gives back what Reserve has set aside, in reverse order.
func (p *Profile) Unreserve(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) {
	for i := len(p.reserve) - 1; i >= 0; i-- {
		p.reserve[i].Unreserve(ctx, state, pod, node)
	}
}

// Permit asks whether the pod may be bound now. waits holds, for each plugin that wants to wait, how long at most.
func (p *Profile) Permit(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) (waits map[string]time.Duration, status *fwk.Status) {
	for _, plugin := range p.permit {
		status, limit := plugin.Permit(ctx, state, pod, node)
		switch {
		case status.IsWait():
			if waits == nil {
				waits = map[string]time.Duration{}
			}
			waits[plugin.Name()] = limit
		case !status.IsSuccess():
			return nil, named(status, plugin)
		}
	}
	return waits, nil
}

// PreBinds says whether there is anything to be prepared before the pod is bound.
func (p *Profile) PreBinds(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) bool {
	return slices.ContainsFunc(p.preBind, func(plugin fwk.PreBindPlugin) bool {
		_, status := plugin.PreBindPreFlight(ctx, state, pod, node)
		return !status.IsSkip()
	})
}

// PreBind prepares what the pod needs before it is bound, which may take minutes.
func (p *Profile) PreBind(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	for _, plugin := range p.preBind {
		_, status := plugin.PreBindPreFlight(ctx, state, pod, node)
		if status.IsSkip() {
			continue
		}
		if status.IsSuccess() {
			status = p.timed(state, "PreBind", plugin, func() *fwk.Status { return plugin.PreBind(ctx, state, pod, node) })
		}
		if !status.IsSuccess() {
			return running("PreBind", named(status, plugin))
		}
	}
	return nil
}

// running says at which extension point a plugin met an error. What it refuses stays its own.
func running(point string, status *fwk.Status) *fwk.Status {
	if status.IsRejected() {
		return status
	}
	return fwk.AsStatus(fmt.Errorf("running %s plugin %q: %w", point, status.Plugin(), status.AsError()))
}

// Bind binds the pod.
func (p *Profile) Bind(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	for _, plugin := range p.bind {
		status := p.timed(state, "Bind", plugin, func() *fwk.Status { return plugin.Bind(ctx, state, pod, node) })
		if status.IsSkip() {
			continue
		}
		return named(status, plugin)
	}
	return fwk.NewStatus(fwk.Error, "no Bind plugin binds this pod")
}

// PostBind tells the plugins that the pod is bound.
func (p *Profile) PostBind(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node string) {
	for _, plugin := range p.postBind {
		plugin.PostBind(ctx, state, pod, node)
	}
}
