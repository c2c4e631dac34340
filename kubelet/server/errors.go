package server

import (
	"errors"
	"net/http"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// fail answers with the error's own status code, where it has one.
func fail(w http.ResponseWriter, err error) {
	http.Error(w, err.Error(), statusCode(err))
}

func statusCode(err error) int {
	var api apierrors.APIStatus
	if errors.As(err, &api) && api.Status().Code != 0 {
		return int(api.Status().Code)
	}
	switch status.Code(err) {
	case codes.NotFound:
		return http.StatusNotFound
	case codes.InvalidArgument:
		return http.StatusBadRequest
	case codes.ResourceExhausted:
		return http.StatusTooManyRequests
	default:
		return http.StatusInternalServerError
	}
}
