package h2

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"golang.org/x/net/http2/hpack"
)

// bufferSize is what of an answer waits until its handler ends or flushes, so that head, body and end leave as one piece.
const bufferSize = 16 << 10

var errOver = errors.New("the handler has returned")

// refusal is the answer to a request that no handler gets.
type refusal struct {
	code int
	text string
}

func (r *refusal) serve(w http.ResponseWriter) {
	if r.code == http.StatusBadRequest {
		http.Error(w, r.text, r.code)
		return
	}
	w.WriteHeader(r.code)
	_, _ = io.WriteString(w, r.text) // whom it does not reach is gone
}

// response implements http.ResponseWriter for a handler, and what http.ResponseController asks for.
type response struct {
	st       *stream
	header   http.Header
	isHead   bool     // the request is for the head alone
	refusal  *refusal // instead of the handler's
	code     int      // 0 before WriteHeader
	head     *head    // from WriteHeader to when it is sent
	sent     bool     // the head is
	declared int64    // Content-Length; -1 without
	written  int64
	buffer   *[]byte  // what waits; nil when nothing does
	trailers []string // announced in the head
	over     bool     // the handler has returned
}

// Header implements http.ResponseWriter.
func (w *response) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter. What the handler changes of the header later is not sent, but for trailers.
func (w *response) WriteHeader(code int) {
	if w.code != 0 || w.over {
		return
	}
	if code >= 100 && code < 200 {
		w.inform(code)
		return
	}
	w.code = code
	w.takeHead()
}

// inform sends a head before the head.
func (w *response) inform(code int) {
	h := newHead(code, w.header)
	defer h.release()
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if code == http.StatusContinue {
		w.st.wantContinue = false
	}
	if _, err := w.st.await(0); err == nil {
		c.headers(w.st.id, h.fields, false)
		c.flush()
	}
}

// hasBody tells whether the code has one.
func (w *response) hasBody() bool {
	return w.code != http.StatusNoContent && w.code != http.StatusNotModified
}

// Write implements http.ResponseWriter.
func (w *response) Write(p []byte) (int, error) {
	if w.over {
		return 0, errOver
	}
	if w.code == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if !w.hasBody() {
		return 0, http.ErrBodyNotAllowed
	}
	w.written += int64(len(p))
	if w.declared >= 0 && w.written > w.declared {
		return 0, http.ErrContentLength
	}
	if w.isHead || len(p) == 0 {
		return len(p), nil
	}
	if w.buffer == nil {
		w.buffer = buffers.Get().(*[]byte)
	}
	if len(*w.buffer)+len(p) <= bufferSize {
		*w.buffer = append(*w.buffer, p...)
		return len(p), nil
	}
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := w.send(p, false); err != nil {
		return 0, err
	}
	c.flush()
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (w *response) WriteString(s string) (int, error) { return w.Write([]byte(s)) }

// Flush implements http.Flusher.
func (w *response) Flush() { _ = w.FlushError() }

// FlushError sends what was written; it does not wait for the client to take it.
func (w *response) FlushError() error {
	if w.over {
		return errOver
	}
	if w.code == 0 {
		w.WriteHeader(http.StatusOK)
	}
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := w.send(nil, false); err != nil {
		return err
	}
	c.flush()
	return c.broken
}

// send puts what waits, and then more, into frames. The mutex is held.
func (w *response) send(more []byte, end bool) error {
	first := more
	if w.buffer != nil && len(*w.buffer) > 0 {
		first = *w.buffer
	}
	empty := len(first) == 0
	if err := w.sendHead(first, end && empty); err != nil {
		return err
	}
	if !empty && w.buffer != nil && len(*w.buffer) > 0 {
		if err := w.st.send(*w.buffer, end && len(more) == 0); err != nil {
			return err
		}
	}
	if w.buffer != nil {
		release(w.buffer)
		w.buffer = nil
	}
	if len(more) == 0 {
		return w.st.unable()
	}
	return w.st.send(more, end)
}

// sendHead sends the head, if it is not sent. The body begins with first.
func (w *response) sendHead(first []byte, end bool) error {
	if w.sent {
		return nil
	}
	h := w.head
	if len(first) > 0 && !h.hasType {
		h.add("content-type", http.DetectContentType(first))
	}
	if !h.hasDate {
		h.add("date", w.st.conn.owner.now())
	}
	if _, err := w.st.await(0); err != nil {
		return err
	}
	w.st.conn.headers(w.st.id, h.fields, end)
	if h.close {
		w.st.conn.leave()
	}
	w.sent, w.head = true, nil
	h.release()
	return nil
}

// end sends the rest of the answer. The mutex is held.
func (w *response) end() error {
	if w.code == 0 {
		w.code = http.StatusOK
		w.takeHead()
	}
	trailers := w.takeTrailers()
	if !w.sent && w.declared < 0 && len(trailers) == 0 && w.hasBody() && (!w.isHead || w.written > 0) {
		w.head.add("content-length", strconv.FormatInt(w.written, 10))
	}
	if len(trailers) > 0 {
		if err := w.send(nil, false); err != nil {
			return err
		}
		w.st.conn.headers(w.st.id, trailers, true)
		return nil
	}
	if w.sent && w.buffer == nil {
		return w.st.send(nil, true)
	}
	return w.send(nil, true)
}

func (w *response) takeHead() {
	w.head = newHead(w.code, w.header)
	w.declared, w.trailers = w.head.length, w.head.trailers
}

func (w *response) takeTrailers() []hpack.HeaderField { return trailerFields(w.header, w.trailers) }

// SetReadDeadline is for http.ResponseController.
func (w *response) SetReadDeadline(deadline time.Time) error {
	return w.setDeadline(&w.st.readBy, deadline)
}

// SetWriteDeadline is for http.ResponseController.
func (w *response) SetWriteDeadline(deadline time.Time) error {
	return w.setDeadline(&w.st.writeBy, deadline)
}

func (w *response) setDeadline(which *time.Time, deadline time.Time) error {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	*which = deadline
	w.st.wake()
	return nil
}

// EnableFullDuplex is for http.ResponseController: streams always are.
func (*response) EnableFullDuplex() error { return nil }

// Outlet is what a handler's http.ResponseWriter is besides. It lets one goroutine serve answers of one connection that last, where each of
// them is for one goroutine at a time.
type Outlet interface {
	// Gather puts what was written into frames, to be sent by the next Send of any answer of the connection. It returns false and
	// leaves all as it is when that could not be without waiting; flushing waits.
	Gather() bool
	// Send sends what was gathered. It does not wait for the client.
	Send()
	// Common returns what the answers of the connection have in common: what the first one made.
	Common(make func() any) any
}

// Gather implements Outlet.
func (w *response) Gather() bool {
	if w.over || !w.sent {
		return false
	}
	if w.buffer == nil {
		return true
	}
	st, c := w.st, w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	size := int64(len(*w.buffer))
	if st.unable() != nil || st.window < size || c.window < size || c.waiting > 0 || c.full() {
		return false
	}
	return w.send(nil, false) == nil
}

// Send implements Outlet.
func (w *response) Send() {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flush()
}

// Common implements Outlet.
func (w *response) Common(make func() any) any {
	c := w.st.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.common == nil {
		c.common = make()
	}
	return c.common
}
