package apiserver

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// fail answers with an error.
func (c *call) fail(err error) { c.refuse(c.w, c.r, err) }

// refuse answers before any verb is reached.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	accepted, ok := s.mediaAsked(r, func(codec.Accepted) bool { return true })
	if !ok {
		accepted = codec.Accepted{}
	}
	accepted.Pretty = accepted.Pretty || wantsPretty(r)
	drain(w, r)
	writeStatus(w, accepted, statusOf(err))
}

const (
	maxDrained    = 64 << 10
	drainPatience = time.Second
)

// drain reads what is left of a small body on HTTP/2. A stream that is answered before its body is read ends with a reset, which some
// clients (curl 7.88) take for the whole answer when both arrive together.
func drain(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor < 2 || r.ContentLength <= 0 || r.ContentLength > maxDrained {
		return
	}
	if http.NewResponseController(w).SetReadDeadline(time.Now().Add(drainPatience)) == nil {
		_, _ = io.Copy(io.Discard, r.Body) // what does not come is not waited for
	}
}

// statusOf turns any error into a Status.
func statusOf(err error) *metav1.Status {
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

func writeStatus(w http.ResponseWriter, accepted codec.Accepted, status *metav1.Status) {
	if status.Details != nil && status.Details.RetryAfterSeconds > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(status.Details.RetryAfterSeconds)))
	}
	code := int(status.Code)
	if code == 0 {
		code = http.StatusOK
		if status.Status == metav1.StatusFailure {
			code = http.StatusInternalServerError
		}
	}
	data, err := codec.Encode(status, accepted.Media)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeBody(w, accepted, code, data)
}

// writeBody writes a complete body.
func writeBody(w http.ResponseWriter, accepted codec.Accepted, code int, parts ...[]byte) {
	if accepted.Pretty && accepted.Media == codec.JSON && len(parts) == 1 {
		parts[0] = codec.Indent(parts[0])
	}
	header := w.Header()
	header.Set("Content-Type", accepted.Media.String())
	size := 0
	for _, part := range parts {
		size += len(part)
	}
	header.Set("Content-Length", strconv.Itoa(size))
	w.WriteHeader(code)
	for _, part := range parts {
		if _, err := w.Write(part); err != nil {
			return // the client is gone
		}
	}
}

// writeObject answers with an object whose kind is set, as it is.
func (c *call) writeObject(code int, obj runtime.Object) error {
	data, err := encodeObject(obj, c.accept.Media)
	if err != nil {
		return err
	}
	writeBody(c.w, c.accept, code, data)
	return nil
}

func wantsPretty(r *http.Request) bool {
	if r.URL.RawQuery != "" && strings.Contains(r.URL.RawQuery, "pretty") {
		if value, ok := r.URL.Query()["pretty"]; ok {
			return len(value) == 0 || (value[0] != "false" && value[0] != "0")
		}
	}
	agent := r.UserAgent()
	return strings.HasPrefix(agent, "curl") || strings.HasPrefix(agent, "Wget") || strings.HasPrefix(agent, "Mozilla/5.0")
}

// mediaAsked chooses the media type of an answer.
func (s *Server) mediaAsked(r *http.Request, allow func(codec.Accepted) bool) (codec.Accepted, bool) {
	if s.CBOR {
		return codec.NegotiateWithCBOR(r.Header.Get("Accept"), allow)
	}
	return codec.Negotiate(r.Header.Get("Accept"), allow)
}

// supported are the media types of objects with a Go type, supportedText those of all objects.
func (s *Server) supported() []string {
	if s.CBOR {
		return codec.SupportedWithCBOR()
	}
	return codec.Supported()
}

func (s *Server) supportedText() []string {
	if s.CBOR {
		return codec.SupportedTextWithCBOR()
	}
	return codec.SupportedText()
}

// streamed are the media types of watches.
func (c *call) streamed() []string {
	all := []string{codec.JSON.String() + ";stream=watch", codec.Protobuf.String() + ";stream=watch"}
	if c.CBOR {
		all = append(all, codec.TypeCBORSequence)
	}
	return all
}

func notAcceptable(accepted []string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
		Message: "406: Not Acceptable\n\nAvailable representations: " + strings.Join(accepted, ", "), Details: &metav1.StatusDetails{},
	}}
}

// notAcceptableText is the answer where objects have no Go type.
func notAcceptableText(accepted []string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusNotAcceptable, Reason: metav1.StatusReasonNotAcceptable,
		Message: "only the following media types are accepted: " + strings.Join(accepted, ", "),
	}}
}

func unsupportedMedia(accepted []string) error {
	return &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
		Message: "the body of the request was in an unknown format - accepted media types include: " + strings.Join(accepted, ", "),
	}}
}
