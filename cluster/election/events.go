package election

import (
	"context"
	"fmt"
	"sync"

	"github.com/go-logr/logr"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// recorder writes an event of the Lease when somebody begins to lead. Nobody waits for it, and nothing is said any more once ctx has ended.
type recorder struct {
	ctx       context.Context
	client    corev1client.EventsGetter
	component string
	writing   sync.WaitGroup
}

var _ resourcelock.EventRecorder = &recorder{}

func newRecorder(ctx context.Context, config *rest.Config, component string) (*recorder, error) {
	client, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("making a client for events: %w", err)
	}
	return &recorder{ctx: ctx, client: client, component: component}, nil
}

// Eventf implements resourcelock.EventRecorder.
func (r *recorder) Eventf(of runtime.Object, kind, reason, format string, args ...any) {
	lease, ok := of.(*coordinationv1.Lease)
	if !ok || r.ctx.Err() != nil {
		return
	}
	now := metav1.Now()
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: lease.Namespace, Name: fmt.Sprintf("%s.%x", lease.Name, now.UnixNano())},
		InvolvedObject: corev1.ObjectReference{
			APIVersion: lease.APIVersion, Kind: lease.Kind, Namespace: lease.Namespace, Name: lease.Name, UID: lease.UID, ResourceVersion: lease.ResourceVersion,
		},
		Type: kind, Reason: reason, Message: fmt.Sprintf(format, args...), FirstTimestamp: now, LastTimestamp: now, Count: 1,
		Source: corev1.EventSource{Component: r.component}, ReportingController: r.component,
	}
	r.writing.Go(func() {
		if _, err := r.client.Events(lease.Namespace).Create(r.ctx, event, metav1.CreateOptions{}); err != nil && r.ctx.Err() == nil {
			logr.FromContextOrDiscard(r.ctx).V(1).Info("Writing an event failed", "lease", lease.Name, "err", err)
		}
	})
}
