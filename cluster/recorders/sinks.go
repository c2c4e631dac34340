package recorders

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxNews bounds the events that are written at the same time.
const maxNews = 2

// eventSink writes events.k8s.io/v1 events through a client. The recorder hands all of them over at once, one for each pod that fits
// nowhere: they take turns, so that telling of pods does not hold up binding the next. Those of pods that are bound are news.
type eventSink struct {
	client.Client
	turns chan struct{}
}

func newEventSink(c client.Client) eventSink { return eventSink{c, make(chan struct{}, maxNews)} }

// Create implements events.EventSink.
func (s eventSink) Create(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	select {
	case s.turns <- struct{}{}:
	case <-ctx.Done():
		return event, nil // the server stops
	}
	defer func() { <-s.turns }()
	return event, s.Client.Create(ctx, event)
}

// Update implements events.EventSink.
func (s eventSink) Update(ctx context.Context, event *eventsv1.Event) (*eventsv1.Event, error) {
	return event, s.Client.Update(ctx, event)
}

// Patch implements events.EventSink.
func (s eventSink) Patch(ctx context.Context, event *eventsv1.Event, data []byte) (*eventsv1.Event, error) {
	patched := event.DeepCopy()
	return patched, s.Client.Patch(ctx, patched, client.RawPatch(types.StrategicMergePatchType, data))
}

// NewRecorder records core/v1 events of one source. The function that comes with it is called at the end.
func NewRecorder(ctx context.Context, writer client.Client, scheme *runtime.Scheme, source corev1.EventSource) (record.EventRecorder, func()) {
	broadcaster := record.NewBroadcaster(record.WithContext(ctx))
	broadcaster.StartRecordingToSink(coreSink{ctx, writer})
	return broadcaster.NewRecorder(scheme, source), broadcaster.Shutdown
}

// coreSink writes core/v1 events through a client, for as long as its context lasts: the interface has none.
type coreSink struct {
	ctx    context.Context //nolint:containedctx // record.EventSink passes none
	client client.Client
}

// Create implements record.EventSink.
func (s coreSink) Create(event *corev1.Event) (*corev1.Event, error) {
	return event, s.client.Create(s.ctx, event)
}

// Update implements record.EventSink.
func (s coreSink) Update(event *corev1.Event) (*corev1.Event, error) {
	return event, s.client.Update(s.ctx, event)
}

// Patch implements record.EventSink.
func (s coreSink) Patch(event *corev1.Event, data []byte) (*corev1.Event, error) {
	patched := event.DeepCopy()
	return patched, s.client.Patch(s.ctx, patched, client.RawPatch(types.StrategicMergePatchType, data))
}
