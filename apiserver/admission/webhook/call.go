package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// caller calls one webhook at a time.
type caller struct {
	clients *webhookclient.Clients
	// judges says that these webhooks may not change anything.
	judges bool
}

// callError says that a webhook could not be asked, or gave no answer that can be understood.
type callError struct {
	name   string
	reason error
}

func (e *callError) Error() string {
	return fmt.Sprintf("failed calling webhook %q: %v", e.name, e.reason)
}
func (e *callError) Unwrap() error { return e.reason }

// ask returns the answer of a webhook: a *callError when there is none, or a Status when the webhook must not be asked.
func (c *caller) ask(ctx context.Context, h *hook, a *admission.Attributes, s *shown) (*answer, error) {
	if a.DryRun && !h.dryRun {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("admission webhook %q does not support dry run", h.name))
	}
	version, err := reviewVersion(h.versions)
	if err != nil {
		return nil, &callError{h.name, fmt.Errorf("could not create admission objects: %w", err)}
	}
	request := newRequest(a, s)
	body, err := encodeReview(request, version)
	if err != nil {
		return nil, &callError{h.name, fmt.Errorf("could not create admission objects: %w", err)}
	}
	data, err := c.clients.Post(ctx, h.client, body, h.timeout)
	if err != nil && !errors.Is(err, webhookclient.ErrConfig) {
		err = fmt.Errorf("failed to call webhook: %w", err)
	}
	if err != nil {
		return nil, &callError{h.name, err}
	}
	given, err := decodeAnswer(data, version, request.UID, c.judges)
	if err != nil {
		return nil, &callError{h.name, err}
	}
	for key, value := range given.annotations {
		a.AuditAnnotation(h.name+"/"+key, value)
	}
	for _, warning := range given.warnings {
		a.Warning(warning)
	}
	return given, nil
}

// missed deals with a webhook that could not be asked: nil lets the write pass, as the webhook's failure policy says.
func missed(ctx context.Context, h *hook, err *callError) error {
	if !h.failOpen {
		logr.FromContextOrDiscard(ctx).Info("webhook failed, write refused", "webhook", h.name, "reason", err.Error())
		return apierrors.NewInternalError(err)
	}
	logr.FromContextOrDiscard(ctx).Info("webhook failed, write let pass", "webhook", h.name, "reason", err.Error())
	if ctx.Err() != nil {
		return apierrors.NewTimeoutError("request did not complete within requested timeout", 0)
	}
	return nil
}

// mostCode is the highest code that HTTP has room for.
const mostCode = 999

// denial is the Status of a refused write.
func denial(name string, result *metav1.Status) error {
	status := metav1.Status{}
	if result != nil {
		status = *result.DeepCopy()
	}
	if status.Code < http.StatusBadRequest || status.Code > mostCode {
		status.Code = http.StatusBadRequest
	}
	status.Status = metav1.StatusFailure
	denied := fmt.Sprintf("admission webhook %q denied the request", name)
	switch {
	case status.Message != "":
		status.Message = denied + ": " + status.Message
	case status.Reason != "":
		status.Message = denied + ": " + string(status.Reason)
	default:
		status.Message = denied + " without explanation"
	}
	return &apierrors.StatusError{ErrStatus: status}
}
