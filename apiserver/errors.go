package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// errModified is why a write lost against another.
var errModified = errors.New("the object has been modified; please apply your changes to the latest version and try again")

// statusOfStorage explains what a store or the context says, where the verb has nothing better to say.
func statusOfStorage(err error) *apierrors.StatusError {
	switch {
	case errors.Is(err, storage.ErrCompacted):
		return expired()
	case errors.Is(err, storage.ErrNoSpace):
		return plainError(http.StatusInternalServerError, "etcdserver: mvcc: "+storage.ErrNoSpace.Error())
	case errors.Is(err, storage.ErrTooLarge):
		return plainError(http.StatusInternalServerError, "etcdserver: "+storage.ErrTooLarge.Error())
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return apierrors.NewTimeoutError("request did not complete within the allotted timeout", 0)
	}
	return apierrors.NewInternalError(err)
}

func expired() *apierrors.StatusError {
	return apierrors.NewResourceExpired("The resourceVersion for the provided list is too old.")
}

// expiredPage refuses the next page of a list that is too old, with a token for going on from the latest state.
func expiredPage(start, prefix string) *apierrors.StatusError {
	if start == "" {
		return expired()
	}
	err := apierrors.NewResourceExpired("The provided continue parameter is too old to display a consistent list result. You can start a new list without " +
		"the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token " +
		"results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.")
	err.ErrStatus.ListMeta.Continue = makeContinue(-1, start, prefix)
	return err
}

func expiredWatch(after, oldest int64) *apierrors.StatusError {
	return apierrors.NewResourceExpired(fmt.Sprintf("too old resource version: %d (%d)", after, oldest))
}

// tooLarge says that the asked resourceVersion is not reached yet.
func tooLarge(asked, current int64) error {
	err := apierrors.NewTimeoutError(fmt.Sprintf("Too large resource version: %d, current: %d", asked, current), 1)
	err.ErrStatus.Details.Causes = []metav1.StatusCause{{Type: metav1.CauseTypeResourceVersionTooLarge, Message: "Too large resource version"}}
	return err
}

// conflict is a write that came too late.
func conflict(of schema.GroupResource, name string, why error) error {
	return apierrors.NewConflict(of, name, why)
}

// invalid refuses an object, or returns nil when there is nothing to refuse.
func invalid(kind schema.GroupKind, name string, errs field.ErrorList) error {
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(kind, name, errs)
}

// invalidOptions refuses query parameters.
func invalidOptions(kind string, errs field.ErrorList) error {
	return invalid(schema.GroupKind{Group: metav1.GroupName, Kind: kind}, "", errs)
}

func bodyTooLarge() error {
	return apierrors.NewRequestEntityTooLargeError(fmt.Sprintf("limit is %d", maxBody))
}

// plainError has a message and nothing else.
func plainError(code int32, message string) *apierrors.StatusError {
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: code, Message: message}}
}

// noSuchPath is the answer where the group is known and what is asked for in it is not.
func noSuchPath() error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotFound, Reason: metav1.StatusReasonNotFound,
		Message: "the server could not find the requested resource", Details: &metav1.StatusDetails{},
	}}
}

// unavailable says that a part that the request needs is not there.
func unavailable(message string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusServiceUnavailable, Reason: metav1.StatusReasonServiceUnavailable, Message: message,
	}}
}
