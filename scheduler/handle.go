package scheduler

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/util/workqueue"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/nominated"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/dynamicresources"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// handle is what the plugins of one profile are given of the scheduler. Parts that no plugin of ours needs are made
// when a plugin asks for them.
type handle struct {
	*nominated.Pods
	scheduler *Scheduler
	name      string
	profile   *profile.Profile
	// percentage of all nodes that are enough to choose from; 0 for the default.
	percentage int
	recorder   events.EventRecorderLogger
	fit        *noderesources.Fit       // nil if the profile goes without
	devices    *dynamicresources.Plugin // likewise
	snapshot   *state.Snapshot

	once      sync.Once
	clients   kubernetes.Interface
	informers informers.SharedInformerFactory
}

var _ fwk.Handle = &handle{}

func (h *handle) lazily() {
	h.once.Do(func() {
		clients, err := kubernetes.NewForConfig(h.scheduler.Config)
		if err != nil {
			klog.Background().Error(err, "Making a clientset for plugins failed")
			return
		}
		h.clients, h.informers = clients, informers.NewSharedInformerFactory(clients, 0)
	})
}

// SnapshotSharedLister implements fwk.Handle.
func (h *handle) SnapshotSharedLister() fwk.SharedLister { return h.snapshot }

// IterateOverWaitingPods implements fwk.Handle.
func (h *handle) IterateOverWaitingPods(visit func(fwk.WaitingPod)) { h.scheduler.waiting.each(visit) }

// GetWaitingPod implements fwk.Handle.
func (h *handle) GetWaitingPod(uid types.UID) fwk.WaitingPod {
	if w := h.scheduler.waiting.get(uid); w != nil {
		return w
	}
	return nil
}

// RejectWaitingPod implements fwk.Handle.
func (h *handle) RejectWaitingPod(uid types.UID) bool {
	w := h.scheduler.waiting.get(uid)
	return w != nil && w.Reject("", "removed")
}

// AddPodInPreBind implements fwk.Handle.
func (h *handle) AddPodInPreBind(types.UID, context.CancelCauseFunc) {}

// GetPodInPreBind implements fwk.Handle.
func (h *handle) GetPodInPreBind(types.UID) fwk.PodInPreBind { return nil }

// RemovePodInPreBind implements fwk.Handle.
func (h *handle) RemovePodInPreBind(types.UID) {}

// ClientSet implements fwk.Handle.
func (h *handle) ClientSet() kubernetes.Interface {
	h.lazily()
	return h.clients
}

// KubeConfig implements fwk.Handle.
func (h *handle) KubeConfig() *rest.Config { return h.scheduler.Config }

// EventRecorder implements fwk.Handle.
func (h *handle) EventRecorder() events.EventRecorderLogger { return h.recorder }

// SharedInformerFactory implements fwk.Handle.
func (h *handle) SharedInformerFactory() informers.SharedInformerFactory {
	h.lazily()
	return h.informers
}

// SharedDRAManager implements fwk.Handle.
func (h *handle) SharedDRAManager() fwk.SharedDRAManager { return nil }

// SharedCSIManager implements fwk.Handle.
func (h *handle) SharedCSIManager() fwk.CSIManager { return nil }

// Extenders implements fwk.Handle.
func (h *handle) Extenders() []fwk.Extender { return h.scheduler.extenders }

// Parallelizer implements fwk.Handle.
func (h *handle) Parallelizer() fwk.Parallelizer { return h }

// APIDispatcher implements fwk.Handle.
func (h *handle) APIDispatcher() fwk.APIDispatcher { return nil }

// APICacher implements fwk.Handle.
func (h *handle) APICacher() fwk.APICacher { return nil }

// ProfileName implements fwk.Handle.
func (h *handle) ProfileName() string { return h.name }

// PodGroupManager implements fwk.Handle.
func (h *handle) PodGroupManager() fwk.PodGroupManager { return nil }

// SignPod implements fwk.Handle.
func (h *handle) SignPod(context.Context, *corev1.Pod) fwk.PodSignature { return nil }

// Until implements fwk.Parallelizer.
func (h *handle) Until(ctx context.Context, pieces int, work workqueue.DoWorkPieceFunc, _ string) {
	workqueue.ParallelizeUntil(ctx, 4, pieces, work)
}

// RunFilterPluginsWithNominatedPods implements fwk.Handle.
func (h *handle) RunFilterPluginsWithNominatedPods(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	return h.filter(ctx, cycle, pod, node)
}

// Activate implements fwk.PodActivator.
func (h *handle) Activate(_ klog.Logger, pods map[string]*corev1.Pod) {
	for _, pod := range pods {
		h.scheduler.queue.Activate(pod.UID)
	}
}

// filter asks the plugins whether the pod fits the node, also when the pods of the same or a higher priority that are
// nominated for it have come. It must fit without them too: they may never come, and it may need one of the node's pods.
func (h *handle) filter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	expected := h.expected(pod, node)
	if len(expected) == 0 {
		return h.profile.Filter(ctx, cycle, pod, node)
	}
	later, full := cycle.Clone(), node.Snapshot()
	for _, info := range expected {
		full.AddPodInfo(info)
		if status := h.RunPreFilterExtensionAddPod(ctx, later, pod, info, full); !status.IsSuccess() {
			return status
		}
	}
	if status := h.profile.Filter(ctx, later, pod, full); !status.IsSuccess() {
		return status
	}
	return h.profile.Filter(ctx, cycle, pod, node)
}

// expected are the pods that the node must have room for beside the pod.
func (h *handle) expected(pod *corev1.Pod, node fwk.NodeInfo) []fwk.PodInfo {
	if !h.Any() {
		return nil
	}
	var expected []fwk.PodInfo
	for _, info := range h.On(node.Node().Name) {
		if info.GetPod().UID != pod.UID && corev1helpers.PodPriority(info.GetPod()) >= corev1helpers.PodPriority(pod) {
			expected = append(expected, info)
		}
	}
	return expected
}

// RunPreScorePlugins implements fwk.PluginsRunner.
func (h *handle) RunPreScorePlugins(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	return h.profile.PreScore(ctx, cycle, pod, nodes)
}

// RunScorePlugins implements fwk.PluginsRunner.
func (h *handle) RunScorePlugins(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodePluginScores, *fwk.Status) {
	totals, status := h.profile.Score(ctx, cycle, pod, nodes, profile.Known{Room: &profile.Room{}})
	if !status.IsSuccess() {
		return nil, status
	}
	scores := make([]fwk.NodePluginScores, len(nodes))
	for i, node := range nodes {
		scores[i] = fwk.NodePluginScores{Name: node.Node().Name, TotalScore: totals[i]}
	}
	return scores, nil
}

// RunFilterPlugins implements fwk.PluginsRunner.
func (h *handle) RunFilterPlugins(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	return h.profile.Filter(ctx, cycle, pod, node)
}

// RunPreFilterExtensionAddPod implements fwk.PluginsRunner.
func (h *handle) RunPreFilterExtensionAddPod(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, added fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return h.profile.Simulate(cycle, func(extension fwk.PreFilterExtensions) *fwk.Status {
		return extension.AddPod(ctx, cycle, pod, added, node)
	})
}

// RunPreFilterExtensionRemovePod implements fwk.PluginsRunner.
func (h *handle) RunPreFilterExtensionRemovePod(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, removed fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return h.profile.Simulate(cycle, func(extension fwk.PreFilterExtensions) *fwk.Status {
		return extension.RemovePod(ctx, cycle, pod, removed, node)
	})
}
