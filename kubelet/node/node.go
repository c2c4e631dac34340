package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

const (
	// defaultReportPeriod is how often a status that did not change is written again.
	defaultReportPeriod = 5 * time.Minute
	// checkPeriod is how often the runtime's readiness and the room on disks are looked at; nothing announces them.
	checkPeriod = 10 * time.Second

	// imagesPeriod is how old the list of images may be, unless Check was called.
	imagesPeriod = time.Minute

	retryFirst = 100 * time.Millisecond
	retryMax   = 7 * time.Second
)

// Registrar keeps the Node object. Its exported fields are inputs.
type Registrar struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.WithTicker
	Name     string
	// IPs are the node's addresses, the first one is the main one.
	IPs []string
	// Labels and Taints are set when the node is registered.
	Labels map[string]string
	Taints []corev1.Taint
	// CloudAddresses leaves the addresses to a cloud, once the Node has some.
	CloudAddresses bool
	// Unschedulable registers the node cordoned.
	Unschedulable bool
	Machine       Machine
	Allocatable   corev1.ResourceList
	// Port is the kubelet's server port.
	Port int32
	// Version is the kubelet's, RuntimeVersion "containerd://2.3.7".
	Version, RuntimeVersion string
	// Problem says why the runtime cannot run pods, or "".
	Problem func(ctx context.Context) string
	// Images lists the images on the node, at most 50, largest first.
	Images func(ctx context.Context) []corev1.ContainerImage
	// Pressure says which conditions hold, with reason and message; nil means none does.
	Pressure func() map[corev1.NodeConditionType]bool

	mu      sync.Mutex
	node    *corev1.Node // as the API last answered
	kick    chan struct{}
	written time.Time
	ready   bool
	known   bool
	images  []corev1.ContainerImage
	listed  time.Time
}

// Node returns the node as last seen, or nil before it was registered.
func (r *Registrar) Node() *corev1.Node {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.node
}

// Observe brings the Node object as a watch saw it. When somebody else changed its status (it was set to Unknown while
// this machine slept, say) that is put right at once.
func (r *Registrar) Observe(n *corev1.Node) {
	if n.Name != r.Name {
		return
	}
	r.mu.Lock()
	changed := r.node != nil && newer(n, r.node)
	if changed {
		changed = !sameStatus(&n.Status, &r.node.Status)
		r.node = n
	}
	r.mu.Unlock()
	if changed {
		r.Check()
	}
}

// newer says whether a is a later version of the node than b, or another node of the same name.
func newer(a, b *corev1.Node) bool {
	if a.UID != b.UID {
		return a.CreationTimestamp.After(b.CreationTimestamp.Time)
	}
	va, errA := strconv.ParseUint(a.ResourceVersion, 10, 64)
	vb, errB := strconv.ParseUint(b.ResourceVersion, 10, 64)
	return errA != nil || errB != nil || va > vb
}

func (r *Registrar) remember(n *corev1.Node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.node = n
}

// Check makes the registrar look at the node's status now.
func (r *Registrar) Check() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case r.kicker() <- struct{}{}:
	default:
	}
}

func (r *Registrar) kicker() chan struct{} {
	if r.kick == nil {
		r.kick = make(chan struct{}, 1)
	}
	return r.kick
}

// Run registers the node and keeps its status until ctx ends.
func (r *Registrar) Run(ctx context.Context) error {
	if !r.registered(ctx) {
		return nil
	}
	r.mu.Lock()
	kick := r.kicker()
	r.mu.Unlock()
	wait := retryFirst
	for {
		err := r.report(ctx)
		if err != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "reporting the node's status failed")
		}
		// A node that is not ready, because its network is still being made say, is looked at more often.
		next := checkPeriod
		if err != nil || !r.ready {
			next = wait
			wait = min(2*wait, checkPeriod)
		} else {
			wait = retryFirst
		}
		timer := r.Clock.NewTimer(next)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-kick:
			r.listed = time.Time{}
		case <-timer.C():
		}
		timer.Stop()
	}
}

// registered tries to register the node until that succeeds, or ctx ends.
func (r *Registrar) registered(ctx context.Context) bool {
	for delay := retryFirst; ; delay = min(2*delay, retryMax) {
		err := r.register(ctx)
		if err == nil {
			return true
		}
		log.FromContext(ctx).Info("registering the node failed", "error", err.Error(), "retryIn", delay.String())
		select {
		case <-ctx.Done():
			return false
		case <-r.Clock.After(delay):
		}
	}
}

// register creates the Node, or brings an existing one's labels up to date.
func (r *Registrar) register(ctx context.Context) error {
	want := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: r.Name, Labels: r.labels(), Annotations: map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"}},
		Spec:       corev1.NodeSpec{Taints: slices.Clone(r.Taints), Unschedulable: r.Unschedulable},
	}
	want.Status = r.status(ctx, want)
	err := r.Client.Create(ctx, want)
	if err == nil {
		r.remember(want)
		r.event("Starting", "Starting kubelet.")
		return nil
	}
	if !apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("creating the node: %w", err)
	}
	have := &corev1.Node{}
	if err := r.Client.Get(ctx, client.ObjectKey{Name: r.Name}, have); err != nil {
		return fmt.Errorf("reading the node: %w", err)
	}
	updated := have.DeepCopy()
	if updated.Labels == nil {
		updated.Labels = map[string]string{}
	}
	maps.Copy(updated.Labels, r.labels())
	if !equality.Semantic.DeepEqual(have.Labels, updated.Labels) {
		if err := r.Client.Patch(ctx, updated, client.StrategicMergeFrom(have)); err != nil {
			return fmt.Errorf("patching the node's labels: %w", err)
		}
	}
	r.remember(updated)
	r.event("Starting", "Starting kubelet.")
	return nil
}

func (r *Registrar) labels() map[string]string {
	labels := map[string]string{
		corev1.LabelHostname: r.Name, corev1.LabelOSStable: r.Machine.Info.OperatingSystem, corev1.LabelArchStable: r.Machine.Info.Architecture,
		"beta.kubernetes.io/os": r.Machine.Info.OperatingSystem, "beta.kubernetes.io/arch": r.Machine.Info.Architecture,
	}
	maps.Copy(labels, r.Labels)
	return labels
}

// event is about the node, and no warning; such events carry the node's name as its UID.
func (r *Registrar) event(reason, message string) {
	ref := &corev1.ObjectReference{Kind: "Node", Name: r.Name, UID: types.UID(r.Name)}
	r.Recorder.Event(ref, corev1.EventTypeNormal, reason, message)
}

// report writes the node's status if it differs from the last one, but for the time, or is older than the period.
func (r *Registrar) report(ctx context.Context) error {
	have := r.Node()
	want := have.DeepCopy()
	want.Status = r.status(ctx, have)
	r.announce(want)
	now := r.Clock.Now()
	if sameStatus(&have.Status, &want.Status) && now.Sub(r.written) < defaultReportPeriod {
		return nil
	}
	err := r.Client.Status().Patch(ctx, want, client.StrategicMergeFrom(have))
	if apierrors.IsNotFound(err) {
		return r.register(ctx) // somebody deleted the node while its kubelet runs
	}
	if err != nil {
		return fmt.Errorf("patching the node's status: %w", err)
	}
	r.written = now
	r.remember(want)
	return nil
}

// announce tells changes of readiness in events.
func (r *Registrar) announce(n *corev1.Node) {
	ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	if r.known && ready == r.ready {
		return
	}
	r.known, r.ready = true, ready
	if ready {
		r.event("NodeReady", fmt.Sprintf("Node %s status is now: NodeReady", r.Name))
	} else {
		r.event("NodeNotReady", fmt.Sprintf("Node %s status is now: NodeNotReady", r.Name))
	}
}
