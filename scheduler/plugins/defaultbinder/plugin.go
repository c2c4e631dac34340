// Package defaultbinder binds a pod to its node by the pod's binding subresource.
package defaultbinder

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Name in configurations.
const Name = "DefaultBinder"

// Plugin implements Bind.
type Plugin struct {
	Client client.Client
}

var _ fwk.BindPlugin = &Plugin{}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// Bind implements fwk.BindPlugin.
func (p *Plugin) Bind(ctx context.Context, _ fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}
	if err := p.Client.SubResource("binding").Create(ctx, pod, binding); err != nil {
		return fwk.AsStatus(err)
	}
	return nil
}
