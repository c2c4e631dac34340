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
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(statusCode(err))
	_, _ = w.Write([]byte(err.Error())) // without a newline: the API server puts the text into a Status
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
