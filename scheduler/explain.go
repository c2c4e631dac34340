package scheduler

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/dynamicresources"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// ErrNotRunning is what Explain returns until the scheduler has seen the cluster.
var ErrNotRunning = errors.New("the scheduler has not seen the whole cluster yet")

// Explanation is what the scheduler knows of one pod, and what its plugins say of every node at this moment.
type Explanation struct {
	// Profiles are the names of schedulers that this one serves.
	Profiles []string `json:"profiles,omitempty"`
	// Served says that the pod asks for one of them.
	Served bool `json:"served,omitempty"`
	// Where the pod is: "active", "backing off", "waiting", "gated", "in flight", or "" if it is not in the queue.
	Where    string       `json:"where,omitempty"`
	Gate     string       `json:"gate,omitempty"` // plugin that holds the pod back from the queue
	Attempts int          `json:"attempts,omitempty"`
	Refused  []string     `json:"refused,omitempty"` // plugins that refused at the last attempt
	Since    *metav1.Time `json:"since,omitempty"`   // the last attempt ended, or the pod came
	Until    *metav1.Time `json:"until,omitempty"`   // its back-off ends
	// Placed says that a node was found and is about to be written.
	Placed bool `json:"placed,omitempty"`
	// Permission names the plugins that the pod, which has a node in mind, waits for.
	Permission []string `json:"permission,omitempty"`
	// Nominated is the node that room is made on for the pod, or that it was about to be bound to, or that somebody else has named.
	Nominated string `json:"nominated,omitempty"`
	// Evicting says that pods end there to make the room.
	Evicting bool `json:"evicting,omitempty"`
	// All is what is said of the pod whatever the node.
	All *Refusal `json:"all,omitempty"`
	// Nodes says what is against each node; nothing is against those that fit.
	Nodes []NodeOpinion `json:"nodes,omitempty"`
}

// NodeOpinion is what the plugins have against a node.
type NodeOpinion struct {
	Name     string    `json:"name"`
	Refusals []Refusal `json:"refusals,omitempty"`
}

// Refusal is the answer of one plugin.
type Refusal struct {
	Plugin  string   `json:"plugin,omitempty"`
	Reasons []string `json:"reasons,omitempty"`
	// Details say more of a reason: amounts, taints, labels; "" where there is nothing more to be said. One for each reason.
	Details []string `json:"details,omitempty"`
	// Gap is the share of what the pod needs that the node lacks, of the resource that is scarcest.
	Gap float64 `json:"gap,omitempty"`
	// Preemptible says that the pod could fit if others left.
	Preemptible bool `json:"preemptible,omitempty"`
	// Failed says that this is an error and not a refusal.
	Failed bool `json:"failed,omitempty"`
}

// Explain says what the scheduler knows of a pod. It asks the plugins as a cycle does, between two cycles, and changes nothing. A
// cycle waits for one such question at most, however many are asked, and not for extenders.
func (s *Scheduler) Explain(ctx context.Context, key client.ObjectKey) (*Explanation, error) {
	s.explaining.Lock()
	defer s.explaining.Unlock()
	pod, e := &corev1.Pod{}, &Explanation{}
	fitting, err := s.askPlugins(ctx, key, pod, e)
	if err != nil {
		return nil, err
	}
	s.askExtenders(ctx, pod, fitting, e)
	return e, nil
}

// askPlugins reads the pod, says where it is and what is against each node, and returns the nodes that nothing is against.
func (s *Scheduler) askPlugins(ctx context.Context, key client.ObjectKey, pod *corev1.Pod, e *Explanation) ([]fwk.NodeInfo, error) {
	s.turn.Lock()
	defer s.turn.Unlock()
	if !s.running {
		return nil, ErrNotRunning
	}
	if err := s.Client.Get(ctx, key, pod); err != nil {
		return nil, fmt.Errorf("reading the pod: %w", err)
	}
	e.Nominated = s.nominated.Node(pod.UID)
	e.Evicting = s.evicting(pod, e.Nominated)
	e.Profiles = slices.Sorted(maps.Keys(s.profiles))
	p := s.profiles[pod.Spec.SchedulerName]
	e.Served, e.Placed = p != nil, s.state.Placed(pod.UID)
	s.lookUp(pod, e)
	if p == nil || pod.Spec.NodeName != "" || e.Placed || e.Gate != "" {
		return nil, nil
	}
	return s.askAll(ctx, p, pod, e)
}

// lookUp says where the pod is.
func (s *Scheduler) lookUp(pod *corev1.Pod, e *Explanation) {
	if look, ok := s.queue.Look(pod.UID); ok {
		e.Where, e.Gate, e.Attempts, e.Refused = look.Where, look.Gate, look.Attempts, look.Refused
		since := metav1.NewTime(look.Since)
		e.Since = &since
		if !look.Until.IsZero() {
			until := metav1.NewTime(look.Until)
			e.Until = &until
		}
	}
	if w := s.waiting.get(pod.UID); w != nil {
		e.Permission = w.GetPendingPlugins()
		slices.Sort(e.Permission)
	}
}

// askAll asks about every node, and returns those that nothing is against.
func (s *Scheduler) askAll(ctx context.Context, p *profile.Profile, pod *corev1.Pod, e *Explanation) ([]fwk.NodeInfo, error) {
	h, cycle := s.handles[p.Name], &profile.CycleState{}
	h.snapshot = s.state.Snapshot()
	all, err := h.snapshot.List()
	if err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	info := state.NewPodInfo(pod)
	state.KeepInfo(cycle, info)
	narrowed, by, status := p.PreFilter(ctx, cycle, pod, all)
	if !status.IsSuccess() {
		said := refusal(status)
		e.All = &said
		for _, node := range all {
			e.Nodes = append(e.Nodes, NodeOpinion{Name: node.Node().Name, Refusals: []Refusal{said}})
		}
		return nil, nil
	}
	var fitting []fwk.NodeInfo
	for _, node := range all {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("asking about nodes: %w", ctx.Err()) // nobody waits for the answer
		}
		opinion := NodeOpinion{Name: node.Node().Name}
		if !narrowed.AllNodes() && !narrowed.NodeNames.Has(opinion.Name) {
			said := fwk.NewStatus(fwk.UnschedulableAndUnresolvable, fmt.Sprintf("node(s) didn't satisfy plugin(s) %v", by))
			opinion.Refusals = append(opinion.Refusals, detailed(info, node, said.WithPlugin(strings.Join(by, ","))))
		} else {
			opinion.Refusals = h.refusals(ctx, cycle, info, node)
		}
		if len(opinion.Refusals) == 0 {
			fitting = append(fitting, node)
		}
		e.Nodes = append(e.Nodes, opinion)
	}
	slices.SortFunc(e.Nodes, func(a, b NodeOpinion) int { return strings.Compare(a.Name, b.Name) })
	return fitting, nil
}

// refusals are what the plugins have against a node, and, where they have nothing, what pods that are nominated for it leave.
func (h *handle) refusals(ctx context.Context, cycle *profile.CycleState, info *state.PodInfo, node fwk.NodeInfo) []Refusal {
	var all []Refusal
	for _, status := range h.profile.Refusals(ctx, cycle, info.GetPod(), node) {
		said := detailed(info, node, status)
		if status.Plugin() == dynamicresources.Name && h.devices != nil {
			if more := h.devices.Explain(ctx, cycle, info.GetPod(), node); more != "" {
				said.Details = []string{more}
			}
		}
		all = append(all, said)
	}
	if len(all) > 0 || len(h.expected(info.GetPod(), node)) == 0 {
		return all
	}
	if status := h.filter(ctx, cycle, info.GetPod(), node); !status.IsSuccess() {
		said := refusal(status)
		said.Details = slices.Repeat([]string{"room is kept for " + names(h.expected(info.GetPod(), node))}, len(said.Reasons))
		all = append(all, said)
	}
	return all
}

// askExtenders asks about the nodes that the plugins have nothing against.
func (s *Scheduler) askExtenders(ctx context.Context, pod *corev1.Pod, fitting []fwk.NodeInfo, e *Explanation) {
	if len(s.extenders) == 0 || len(fitting) == 0 {
		return
	}
	refusals := &failure{refused: sets.New[string](), total: len(fitting)}
	_, status := s.extendFilter(ctx, pod, fitting, refusals)
	if !status.IsSuccess() {
		said := refusal(status)
		e.All = &said
		return
	}
	for i, node := range refusals.tried {
		at := slices.IndexFunc(e.Nodes, func(n NodeOpinion) bool { return n.Name == node.Node().Name })
		e.Nodes[at].Refusals = append(e.Nodes[at].Refusals, refusal(refusals.verdict[i]))
	}
}

func names(pods []fwk.PodInfo) string {
	var all []string
	for _, info := range pods {
		all = append(all, client.ObjectKeyFromObject(info.GetPod()).String())
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

func refusal(status *fwk.Status) Refusal {
	r := Refusal{Plugin: status.Plugin(), Reasons: status.Reasons(), Preemptible: status.Code() == fwk.Unschedulable, Failed: !status.IsRejected()}
	switch {
	case r.Failed:
		r.Reasons = []string{status.AsError().Error()}
	case len(r.Reasons) == 0:
		r.Reasons = []string{"it gives no reason"}
	}
	return r
}
