package defaultpreemption

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// candidate is a node on which the pod would fit without the victims.
type candidate struct {
	node       string
	victims    []fwk.PodInfo // the most important first
	violations int           // of disruption budgets
}

// search tries nodes for one pod.
type search struct {
	handle   fwk.Handle
	cycle    fwk.CycleState
	pod      *corev1.Pod
	now      metav1.Time
	budgets  []budget
	memo     *memo
	verdicts map[string]*fwk.Status // of nodes that are no candidates
}

func (p *Plugin) newSearch(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod) (*search, error) {
	budgets, err := readBudgets(ctx, p.Client)
	if err != nil {
		return nil, fmt.Errorf("reading disruption budgets: %w", err)
	}
	return &search{
		handle: p.Handle, cycle: cycle, pod: pod, now: metav1.NewTime(p.Clock.Now()), budgets: budgets,
		memo: p.memoFor(cycle, pod, budgets), verdicts: map[string]*fwk.Status{},
	}, nil
}

// run returns candidates among the nodes: enough of them, one that violates no budget among those, or all there are.
func (s *search) run(ctx context.Context, nodes []fwk.NodeInfo, enough int) []candidate {
	var found []candidate
	harmless := false
	from := start(len(nodes))
	for i := range nodes {
		node := nodes[(from+i)%len(nodes)]
		c, status := s.memo.try(ctx, s, node)
		if !status.IsSuccess() {
			s.verdicts[node.Node().Name] = status
			continue
		}
		found = append(found, c)
		harmless = harmless || c.violations == 0
		if harmless && len(found) >= enough {
			break
		}
	}
	return found
}

// try asks what it takes to fit the pod onto the node. All pods of lower priority are taken away first, and then as
// many as possible are given back: those first that a disruption budget protects, then the more important ones.
func (s *search) try(ctx context.Context, original fwk.NodeInfo) (candidate, *fwk.Status) {
	lower := s.lower(original)
	if len(lower) == 0 {
		return candidate{}, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, noVictims)
	}
	node, cycle := original.Snapshot(), s.cycle.Clone()
	for _, info := range lower {
		if status := s.take(ctx, cycle, info, node); !status.IsSuccess() {
			return candidate{}, status
		}
	}
	if status := s.handle.RunFilterPluginsWithNominatedPods(ctx, cycle, s.pod, node); !status.IsSuccess() {
		return candidate{}, status
	}
	slices.SortStableFunc(lower, s.byImportance)
	violating, others := divide(s.budgets, lower)
	c := candidate{node: original.Node().Name}
	for i, info := range slices.Concat(violating, others) {
		spared, status := s.spare(ctx, cycle, info, node)
		if !status.IsSuccess() {
			return candidate{}, status
		}
		if spared {
			continue
		}
		c.victims = append(c.victims, info)
		if i < len(violating) {
			c.violations++
		}
	}
	if len(c.victims) == 0 {
		return candidate{}, fwk.NewStatus(fwk.Unschedulable, noVictims)
	}
	slices.SortStableFunc(c.victims, s.byImportance)
	return c, nil
}

func (s *search) lower(node fwk.NodeInfo) []fwk.PodInfo {
	var lower []fwk.PodInfo
	for _, info := range node.GetPods() {
		if priority(info) < corev1helpers.PodPriority(s.pod) {
			lower = append(lower, info)
		}
	}
	return lower
}

func (s *search) take(ctx context.Context, cycle fwk.CycleState, info fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	if err := node.RemovePod(klog.FromContext(ctx), info.GetPod()); err != nil {
		return fwk.AsStatus(err)
	}
	return s.handle.RunPreFilterExtensionRemovePod(ctx, cycle, s.pod, info, node)
}

// spare gives a pod back if the other one fits nevertheless.
func (s *search) spare(ctx context.Context, cycle fwk.CycleState, info fwk.PodInfo, node fwk.NodeInfo) (bool, *fwk.Status) {
	node.AddPodInfo(info)
	if status := s.handle.RunPreFilterExtensionAddPod(ctx, cycle, s.pod, info, node); !status.IsSuccess() {
		return false, status
	}
	if s.handle.RunFilterPluginsWithNominatedPods(ctx, cycle, s.pod, node).IsSuccess() {
		return true, nil
	}
	return false, s.take(ctx, cycle, info, node)
}

// byImportance orders pods: the higher priority first, then who has run longer.
func (s *search) byImportance(a, b fwk.PodInfo) int {
	if first, second := priority(a), priority(b); first != second {
		return int(second) - int(first)
	}
	return s.started(a).Compare(s.started(b).Time)
}

func (s *search) started(info fwk.PodInfo) *metav1.Time {
	if started := info.GetPod().Status.StartTime; started != nil {
		return started
	}
	return &s.now
}

// summary says of how many nodes which reason made them no candidates.
func (s *search) summary(all []fwk.NodeInfo, refused fwk.NodeToStatusReader) string {
	counts := map[string]int{}
	for _, node := range all {
		name := node.Node().Name
		if status := s.verdicts[name]; status != nil {
			for _, reason := range status.Reasons() {
				counts[reason]++
			}
		} else if refused.Get(name).Code() != fwk.Unschedulable {
			counts[notHelpful]++
		}
	}
	var reasons []string
	for reason, count := range counts {
		reasons = append(reasons, fmt.Sprintf("%d %s", count, reason))
	}
	slices.Sort(reasons)
	return unavailable(len(all), strings.Join(reasons, ", "))
}
