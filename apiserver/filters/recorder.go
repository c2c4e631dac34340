package filters

import (
	"bufio"
	"net"
	"net/http"
	"time"
)

// recorder remembers the answer's code and size, and what the filters behind it say of the request.
type recorder struct {
	http.ResponseWriter
	code    int
	written bool
	bytes   int64
	waited  time.Duration // for its turn
	refused bool          // in self-defense
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(code int) {
	if !r.written {
		r.code, r.written = code, true
	}
	r.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(data []byte) (int, error) {
	r.written = true
	n, err := r.ResponseWriter.Write(data)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController flush and hijack.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Hijack implements http.Hijacker.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.code, r.written = http.StatusSwitchingProtocols, true
	return http.NewResponseController(r.ResponseWriter).Hijack()
}

// Flush implements http.Flusher.
func (r *recorder) Flush() {
	_ = http.NewResponseController(r.ResponseWriter).Flush() // a writer that cannot flush delivers at its end
}

// recorderOf finds the recorder below what others have put around it, or one that nobody reads.
func recorderOf(w http.ResponseWriter) *recorder {
	for {
		if r, ok := w.(*recorder); ok {
			return r
		}
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return &recorder{}
		}
		w = inner.Unwrap()
	}
}
