package webhook

import (
	"errors"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// count puts a call into the metrics. err is nil where the webhook allowed the write.
func (d *Deps) count(h *hook, a *admission.Attributes, step string, took time.Duration, err error) {
	call := admission.Call{Name: h.name, Step: step, Operation: a.Operation, Took: took, Rejected: err != nil, Code: codeOf(err)}
	var failed *callError
	switch {
	case errors.As(err, &failed):
		call.Failure, call.FailedOpen, call.Rejected = "calling_webhook_error", h.failOpen, !h.failOpen
	case apierrors.IsInternalError(err):
		call.Failure, call.Code = "apiserver_internal_error", 0
	}
	d.Metrics.Webhook(call)
}

func codeOf(err error) int32 {
	var status apierrors.APIStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return status.Status().Code
	}
	return http.StatusInternalServerError
}
