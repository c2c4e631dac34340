package refusal

import (
	"context"
	"errors"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// statusOfStorage explains what a store or the context says, where the verb has nothing better to say.
func statusOfStorage(err error) *apierrors.StatusError {
	switch {
	case errors.Is(err, storage.ErrCompacted):
		return Expired()
	case errors.Is(err, storage.ErrNoSpace):
		return Plain(http.StatusInternalServerError, "etcdserver: mvcc: "+storage.ErrNoSpace.Error())
	case errors.Is(err, storage.ErrTooLarge):
		return Plain(http.StatusInternalServerError, "etcdserver: "+storage.ErrTooLarge.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0)
	}
	return apierrors.NewInternalError(err)
}

// Status turns any error into a Status.
func Status(err error) *metav1.Status {
	var known apierrors.APIStatus
	if errors.As(err, &known) {
		status := known.Status()
		if status.Status == "" {
			status.Status = metav1.StatusFailure
		}
		status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
		return &status
	}
	status := statusOfStorage(err).Status()
	status.TypeMeta = metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}
	return &status
}
