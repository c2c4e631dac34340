package h2

import (
	"context"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// maxNames bounds the names of headers that a connection remembers.
const maxNames = 64

// takeHeaders begins a stream, or ends one with what comes behind its body.
func (c *conn) takeHeaders(f *http2.MetaHeadersFrame) error {
	st, err := c.admit(f)
	if st == nil || err != nil {
		return err
	}
	if err := c.fill(st, f); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.start(st)
}

// admit returns a new stream, if the headers are to begin one. From now on it is one of those that a client which is told to leave gets an
// answer for.
func (c *conn) admit(f *http2.MetaHeadersFrame) (*stream, error) {
	id := f.StreamID
	c.mu.Lock()
	defer c.mu.Unlock()
	if id%2 == 0 {
		return nil, http2.ConnectionError(http2.ErrCodeProtocol)
	}
	if st := c.streams[id]; st != nil {
		return nil, st.takeTrailer(f)
	}
	switch {
	case c.taken.has(id) || c.left && id > c.lastID:
		return nil, nil
	case id <= c.lastID:
		return nil, http2.ConnectionError(http2.ErrCodeStreamClosed)
	}
	c.lastID = id
	switch {
	case f.HasPriority() && f.Priority.StreamDep == id:
		return nil, http2.StreamError{StreamID: id, Code: http2.ErrCodeProtocol}
	case len(c.streams) >= c.limit:
		return nil, http2.StreamError{StreamID: id, Code: http2.ErrCodeRefusedStream}
	}
	st := &stream{conn: c, id: id, remoteEnded: f.StreamEnded(), window: c.initial}
	st.ctx, st.cancel = context.WithCancel(c.ctx)
	st.changed.L = &c.mu
	st.answer = response{st: st, header: http.Header{}, declared: -1}
	st.body = body{st: st, declared: -1, receive: inflow{left: bodyWindow}}
	if st.remoteEnded {
		st.body.err = http.ErrBodyReadAfterClose
	}
	c.streams[id] = st
	return st, nil
}

// takeTrailer takes the end of a body. The mutex is held.
func (st *stream) takeTrailer(f *http2.MetaHeadersFrame) error {
	if st.remoteEnded {
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeStreamClosed}
	}
	if !f.StreamEnded() || len(f.PseudoFields()) > 0 {
		return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
	}
	if st.request.Trailer != nil {
		st.trailer = http.Header{}
		for _, field := range f.RegularFields() {
			name := st.conn.name(field.Name)
			if !httpguts.ValidTrailerHeader(name) {
				return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
			}
			st.trailer[name] = append(st.trailer[name], field.Value)
		}
	}
	return st.body.take(nil, 0, true)
}

// fill makes the request of a stream.
func (c *conn) fill(st *stream, f *http2.MetaHeadersFrame) error {
	malformed := http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
	method, path, authority := f.PseudoValue("method"), f.PseudoValue("path"), f.PseudoValue("authority")
	scheme := f.PseudoValue("scheme")
	connect := method == http.MethodConnect
	switch {
	case f.PseudoValue("protocol") != "", // was not offered
		connect && (path != "" || scheme != "" || authority == ""),
		!connect && (method == "" || path == "" || scheme != "https" && scheme != "http"):
		return malformed
	}
	header := c.header(f.RegularFields())
	if authority == "" {
		authority = header.Get("Host")
	}
	bare := http.Request{
		Method: method, Host: authority, Header: header, Body: http.NoBody, RemoteAddr: c.remote, RequestURI: path,
		Proto: "HTTP/2.0", ProtoMajor: 2, TLS: c.tls,
	}
	if connect {
		bare.URL, bare.RequestURI = &url.URL{Host: authority}, authority
	} else {
		var err error
		if bare.URL, err = url.ParseRequestURI(path); err != nil {
			return malformed
		}
	}
	r := bare.WithContext(st.ctx) // a copy, and the only one in memory of its own
	st.request, st.answer.isHead = r, method == http.MethodHead
	switch wrong := forbidden(header); {
	case f.Truncated:
		st.answer.refusal = &refusal{http.StatusRequestHeaderFieldsTooLarge, "<h1>HTTP Error 431</h1><p>Request Header Field(s) Too Large</p>"}
	case wrong != "":
		st.answer.refusal = &refusal{http.StatusBadRequest, wrong}
	}
	return c.fillBody(st, r)
}

// fillBody is what the headers say of the body.
func (c *conn) fillBody(st *stream, r *http.Request) error {
	if values, ok := r.Header["Content-Length"]; ok {
		n, err := strconv.ParseUint(values[0], 10, 63)
		if err != nil || len(slices.Compact(slices.Clone(values))) > 1 { // whom it is handed on to might read another length
			return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
		}
		st.body.declared = int64(n)
	}
	if st.remoteEnded {
		if st.body.declared > 0 {
			return http2.StreamError{StreamID: st.id, Code: http2.ErrCodeProtocol}
		}
		return nil
	}
	r.Body, r.ContentLength = &st.body, st.body.declared
	if httpguts.HeaderValuesContainsToken(r.Header["Expect"], "100-continue") {
		st.wantContinue = true
		r.Header.Del("Expect")
	}
	for _, value := range r.Header["Trailer"] {
		for name := range strings.SplitSeq(value, ",") {
			name = http.CanonicalHeaderKey(textproto.TrimString(name))
			switch name {
			case "Transfer-Encoding", "Trailer", "Content-Length":
			default:
				if r.Trailer == nil {
					r.Trailer = http.Header{}
				}
				r.Trailer[name] = nil
			}
		}
	}
	delete(r.Header, "Trailer")
	return nil
}

// header is what http.Request has of fields.
func (c *conn) header(fields []hpack.HeaderField) http.Header {
	header, values := make(http.Header, len(fields)), make([]string, len(fields))
	for i, field := range fields {
		name := c.name(field.Name)
		values[i] = field.Value
		if before, ok := header[name]; ok {
			header[name] = append(before, field.Value)
		} else {
			header[name] = values[i : i+1 : i+1]
		}
	}
	if cookies := header["Cookie"]; len(cookies) > 1 {
		header.Set("Cookie", strings.Join(cookies, "; "))
	}
	return header
}

// name is that of a header as http.Header has it.
func (c *conn) name(field string) string {
	if name, ok := c.names[field]; ok {
		return name
	}
	name := http.CanonicalHeaderKey(field)
	if len(c.names) < maxNames && len(name) <= maxNames {
		if c.names == nil {
			c.names = map[string]string{}
		}
		c.names[field] = name
	}
	return name
}

// forbidden tells what in a request's headers HTTP/2 does not have (RFC 9113, 8.2.2).
func forbidden(header http.Header) string {
	for _, name := range []string{"Connection", "Proxy-Connection", "Transfer-Encoding", "Upgrade", "Keep-Alive"} {
		if _, ok := header[name]; ok {
			return fmt.Sprintf("request header %q is not valid in HTTP/2", name)
		}
	}
	if te := header["Te"]; len(te) > 1 || len(te) == 1 && te[0] != "trailers" && te[0] != "" {
		return `request header "TE" may only be "trailers" in HTTP/2`
	}
	return ""
}
