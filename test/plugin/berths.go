package main

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
)

// berthsName in configurations.
const berthsName = "Berths"

// berths keeps nodes that carry a label for the pods of the namespace that the label names.
type berths struct {
	// Label of nodes. Default berths.example.com/namespace.
	Label string `json:"label"`
}

var (
	_ fwk.FilterPlugin      = &berths{}
	_ fwk.EnqueueExtensions = &berths{}
)

// newBerths reads the arguments that the configuration gives, which are of no type that the scheduler knows.
func newBerths(_ context.Context, arguments runtime.Object, _ fwk.Handle) (fwk.Plugin, error) {
	b := &berths{Label: "berths.example.com/namespace"}
	if given, ok := arguments.(*runtime.Unknown); ok {
		if err := json.Unmarshal(given.Raw, b); err != nil {
			return nil, fmt.Errorf("reading args: %w", err)
		}
	}
	return b, nil
}

// Name implements fwk.Plugin.
func (*berths) Name() string { return berthsName }

// Filter implements fwk.FilterPlugin.
func (b *berths) Filter(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, info fwk.NodeInfo) *fwk.Status {
	if b.takes(info.Node(), pod) {
		return nil
	}
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) were kept for another namespace")
}

func (b *berths) takes(node *corev1.Node, pod *corev1.Pod) bool {
	namespace := node.Labels[b.Label]
	return namespace == "" || namespace == pod.Namespace
}

// EventsToRegister implements fwk.EnqueueExtensions: a pod that was refused everywhere waits for a node that takes it.
func (b *berths) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{{
		Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel},
		QueueingHintFn: func(_ logr.Logger, pod *corev1.Pod, _, changed any) (fwk.QueueingHint, error) {
			if node, ok := changed.(*corev1.Node); ok && !b.takes(node, pod) {
				return fwk.QueueSkip, nil
			}
			return fwk.Queue, nil
		},
	}}, nil
}
