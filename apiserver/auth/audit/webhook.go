package audit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"
)

// Upstream's defaults of the batching webhook backend.
const (
	webhookBuffer   = 10000
	webhookMaxBatch = 400
	webhookMaxWait  = 30 * time.Second
)

// Webhook is a Sink that posts EventLists. A receiver that is slow or away makes it lose events, never requests.
type Webhook struct {
	Clock clock.WithDelayedExecution
	// Logger says what was lost.
	Logger logr.Logger

	url    string
	client *http.Client
	queue  chan auditv1.Event
	failed atomic.Int64
}

func (w *Webhook) failures() (string, int64) { return "webhook", w.failed.Load() }

// NewWebhook reads where to post from a kubeconfig.
func NewWebhook(kubeconfig string, c clock.WithDelayedExecution, logger logr.Logger) (*Webhook, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the audit webhook's kubeconfig %s: %w", kubeconfig, err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("making a client of the audit webhook: %w", err)
	}
	return &Webhook{Clock: c, Logger: logger, url: config.Host, client: client, queue: make(chan auditv1.Event, webhookBuffer)}, nil
}

// Write implements Sink.
func (w *Webhook) Write(event *auditv1.Event) {
	select {
	case w.queue <- *event:
	default:
		w.failed.Add(1)
		w.Logger.Info("The audit webhook is too slow: an event was dropped", "auditID", event.AuditID, "requestURI", event.RequestURI)
	}
}

// drainPatience bounds the posting of what is left at the end: nothing else ends before.
const drainPatience = 3 * time.Second

// Run posts until ctx ends, and then what is left, for a while.
func (w *Webhook) Run(ctx context.Context) {
	posting, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	stop := context.AfterFunc(ctx, func() { w.Clock.AfterFunc(drainPatience, end) })
	defer stop()
	for {
		batch := w.collect(ctx)
		if len(batch) > 0 {
			if err := w.post(posting, batch); err != nil {
				w.failed.Add(int64(len(batch)))
				w.Logger.Error(err, "Posting audit events failed", "events", len(batch), "dropped", len(w.queue))
			}
		}
		if ctx.Err() != nil && (len(w.queue) == 0 || posting.Err() != nil) {
			return
		}
	}
}

// collect waits for a first event, and for others until there are enough or the first has waited long enough.
func (w *Webhook) collect(ctx context.Context) []auditv1.Event {
	var batch []auditv1.Event
	select {
	case event := <-w.queue:
		batch = append(batch, event)
	case <-ctx.Done():
	}
	timer := w.Clock.NewTimer(webhookMaxWait)
	defer timer.Stop()
	for len(batch) < webhookMaxBatch {
		select {
		case event := <-w.queue:
			batch = append(batch, event)
			continue
		default:
		}
		select {
		case event := <-w.queue:
			batch = append(batch, event)
		case <-timer.C():
			return batch
		case <-ctx.Done():
			return batch
		}
	}
	return batch
}

// postPatience bounds one delivery.
const postPatience = 30 * time.Second

func (w *Webhook) post(ctx context.Context, batch []auditv1.Event) error {
	list := auditv1.EventList{TypeMeta: metav1.TypeMeta{Kind: "EventList", APIVersion: auditv1.SchemeGroupVersion.String()}, Items: batch}
	data, err := json.Marshal(list)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, postPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(data))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := w.client.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, maxRefusal)) // so that the connection can be used again
	if answer.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("the webhook answered %s", answer.Status)
	}
	return nil
}
