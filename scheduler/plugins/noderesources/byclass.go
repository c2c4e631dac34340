package noderesources

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
)

// Devices are all that there are at a moment.
type Devices interface {
	// Count says how many devices of a class a node can have, and how many of them are taken.
	Count(ctx context.Context, node *corev1.Node, class *resourcev1.DeviceClass) (taken, all int64)
}

// wanted is what the pod of this cycle requests.
type wanted struct {
	fwk.PodResource
	classes deviceclass.Classes // that stand for extended resources of it

	devices func(context.Context) (Devices, error)
	once    sync.Once
	counted Devices
}

// Clone implements fwk.StateData.
func (w *wanted) Clone() fwk.StateData { return w }

// byClass are the classes that stand for extended resources of the pod of this cycle.
func byClass(cycle fwk.CycleState) deviceclass.Classes {
	if data, err := cycle.Read(FitName); err == nil {
		return data.(*wanted).classes
	}
	return nil
}

// ByClass says that device classes stand for something that the pod of this cycle requests: what was said of a node before may no longer hold
// although the node is the same.
func ByClass(cycle fwk.CycleState) bool { return len(byClass(cycle)) > 0 }

// devicesOf counts the devices of a node, when the first is asked for. None can be counted while they cannot be read.
func devicesOf(ctx context.Context, cycle fwk.CycleState, node *corev1.Node, class *resourcev1.DeviceClass) (taken, all int64) {
	data, err := cycle.Read(FitName)
	if err != nil {
		return 0, 0
	}
	w := data.(*wanted)
	w.once.Do(func() {
		if w.devices == nil {
			return
		}
		if w.counted, err = w.devices(ctx); err != nil {
			w.counted = nil
		}
	})
	if w.counted == nil {
		return 0, 0
	}
	return w.counted.Count(ctx, node, class)
}

// classHelps: a class that stands for what the pod requests.
func classHelps(_ klog.Logger, pod *corev1.Pod, _, changed any) (fwk.QueueingHint, error) {
	if class, ok := changed.(*resourcev1.DeviceClass); ok && deviceclass.Helps(pod, class) {
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}
