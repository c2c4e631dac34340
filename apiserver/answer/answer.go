package answer

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
)

// Answer is how a request for a resource is answered.
type Answer struct {
	Media
	At     *kinds.Endpoint
	W      http.ResponseWriter
	R      *http.Request
	Clock  clock.PassiveClock
	Accept codec.Accepted
	Table  metav1.TableOptions

	written written
}

// Context of the request.
func (c *Answer) Context() context.Context { return c.R.Context() }

// NoPage is the answer where nothing is served.
func NoPage(w http.ResponseWriter) { http.Error(w, "404 page not found", http.StatusNotFound) }

// Fail answers with an error.
func (c *Answer) Fail(err error) { c.Refuse(c.W, c.R, err) }

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
	WriteBody(w, accepted, code, data)
}

// WriteBody writes a complete body.
func WriteBody(w http.ResponseWriter, accepted codec.Accepted, code int, parts ...[]byte) {
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

// WriteObject answers with an object whose kind is set, as it is.
func (c *Answer) WriteObject(code int, obj runtime.Object) error {
	data, err := kinds.Encode(obj, c.Accept.Media)
	if err != nil {
		return err
	}
	WriteBody(c.W, c.Accept, code, data)
	return nil
}
