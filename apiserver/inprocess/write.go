package inprocess

import (
	"bytes"
	"io"
	"net/http"
	"strings"
)

// isWrite says whether a request changes an object and does nothing else. What connects to something lasts, and its answer streams.
func isWrite(r *http.Request) bool {
	switch r.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return false
	}
	switch subresource(r.URL.Path) {
	case "proxy", "exec", "attach", "portforward":
		return false
	}
	return true
}

// subresource is what a path names behind an object, "" for nothing: /api/v1/namespaces/NAMESPACE/pods/NAME/exec. An object may have
// any name.
func subresource(path string) string {
	rest := strings.Trim(path, "/")
	skip := func(segments int) {
		for range segments {
			_, rest, _ = strings.Cut(rest, "/")
		}
	}
	switch {
	case strings.HasPrefix(rest, "apis/"):
		skip(3) // group and version
	case strings.HasPrefix(rest, "api/"):
		skip(2)
	default:
		return ""
	}
	if strings.HasPrefix(rest, "namespaces/") && strings.Count(rest, "/") > 2 {
		skip(2)
	}
	skip(2) // the resource and its object
	first, _, _ := strings.Cut(rest, "/")
	return first
}

// call has the handler run on the caller's goroutine, and returns all of the answer.
func (t *Transport) call(r, inner *http.Request) (*http.Response, error) {
	answer := &wholeResponse{header: http.Header{}}
	body := &wholeBody{end: io.EOF}
	if answer.run(t.Handler, inner) {
		body.end = http.ErrAbortHandler
	}
	_ = inner.Body.Close()
	if answer.code == 0 {
		if err := r.Context().Err(); err != nil {
			return nil, err
		}
		answer.WriteHeader(http.StatusOK)
	}
	length := int64(answer.body.Len())
	if body.end != io.EOF {
		length = -1
	}
	body.Reader.Reset(answer.body.Bytes())
	return &http.Response{
		Status: http.StatusText(answer.code), StatusCode: answer.code, Proto: "HTTP/2.0", ProtoMajor: 2,
		Header: answer.header, Body: body, ContentLength: length, Request: r,
	}, nil
}

// wholeResponse keeps what the handler writes.
type wholeResponse struct {
	header http.Header
	code   int
	body   bytes.Buffer
}

// run says whether the handler panicked.
func (a *wholeResponse) run(handler http.Handler, r *http.Request) (panicked bool) {
	defer func() {
		if problem := recover(); problem != nil {
			a.WriteHeader(http.StatusInternalServerError)
			panicked = true
		}
	}()
	handler.ServeHTTP(a, r)
	return false
}

// Header implements http.ResponseWriter.
func (a *wholeResponse) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *wholeResponse) WriteHeader(code int) {
	if a.code == 0 {
		a.code = code
	}
}

// Write implements http.ResponseWriter.
func (a *wholeResponse) Write(data []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(data)
}

// Flush implements http.Flusher.
func (a *wholeResponse) Flush() { a.WriteHeader(http.StatusOK) }

// wholeBody reads an answer that is there.
type wholeBody struct {
	bytes.Reader
	end error
}

// Read implements io.Reader.
func (b *wholeBody) Read(into []byte) (int, error) {
	n, err := b.Reader.Read(into)
	if err == io.EOF {
		err = b.end
	}
	return n, err
}

// Close implements io.Closer.
func (b *wholeBody) Close() error { return nil }
