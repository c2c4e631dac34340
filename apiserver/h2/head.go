package h2

import (
	"net/http"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
)

// heads are used again.
//
// A pool holds memory, not state.
var heads = sync.Pool{New: func() any { return new(head) }}

// head is that of an answer, as its handler has it when it begins.
type head struct {
	fields           []hpack.HeaderField
	hasType, hasDate bool
	close            bool  // the client is to connect anew
	length           int64 // -1 where it is not said
	trailers         []string
}

func newHead(code int, header http.Header) *head {
	h := heads.Get().(*head)
	*h = head{fields: h.fields[:0], length: -1}
	h.add(":status", strconv.Itoa(code))
	for name, values := range header {
		if !h.note(name, values) {
			continue
		}
		name = lower(name)
		for _, value := range values {
			if httpguts.ValidHeaderFieldValue(value) {
				h.add(name, value)
			}
		}
	}
	return h
}

// note looks at what a header says, and whether it is sent.
func (h *head) note(name string, values []string) bool {
	switch name {
	case "Content-Type":
		h.hasType = true
	case "Content-Encoding":
		h.hasType = h.hasType || len(values) > 0 && values[0] != "" // what it is cannot be seen
	case "Date":
		h.hasDate = true
	case "Content-Length":
		n, err := strconv.ParseUint(strings.Join(values, ","), 10, 63)
		if err != nil {
			return false
		}
		h.length = int64(n)
	case "Connection":
		h.close = httpguts.HeaderValuesContainsToken(values, "close")
		return false
	case "Keep-Alive", "Proxy-Connection", "Transfer-Encoding", "Upgrade": // of HTTP/1.1
		return false
	case "Trailer":
		h.announce(values)
	}
	return !strings.HasPrefix(name, http.TrailerPrefix) && httpguts.ValidHeaderFieldName(name)
}

func (h *head) announce(values []string) {
	for _, value := range values {
		for name := range strings.SplitSeq(value, ",") {
			if name = http.CanonicalHeaderKey(strings.TrimSpace(name)); httpguts.ValidTrailerHeader(name) {
				h.trailers = append(h.trailers, name)
			}
		}
	}
}

// add adds a field. Those that are different in each answer are not worth remembering for the next.
func (h *head) add(name, value string) {
	once := name == "audit-id" || name == "content-length"
	h.fields = append(h.fields, hpack.HeaderField{Name: name, Value: value, Sensitive: once})
}

func (h *head) release() {
	clear(h.fields)
	heads.Put(h)
}

// trailerFields are those that the head announced, and those that the handler marked with http.TrailerPrefix.
func trailerFields(header http.Header, announced []string) []hpack.HeaderField {
	var fields []hpack.HeaderField
	add := func(name string, values []string) {
		for _, value := range values {
			if httpguts.ValidHeaderFieldName(name) && httpguts.ValidHeaderFieldValue(value) {
				fields = append(fields, hpack.HeaderField{Name: lower(name), Value: value})
			}
		}
	}
	for _, name := range announced {
		add(name, header[name])
	}
	for name, values := range header {
		if name, ok := strings.CutPrefix(name, http.TrailerPrefix); ok {
			add(name, values)
		}
	}
	return fields
}

// lower is how HTTP/2 writes the names of headers.
func lower(name string) string {
	switch name { // those of nearly every answer
	case "Audit-Id":
		return "audit-id"
	case "Cache-Control":
		return "cache-control"
	case "Content-Type":
		return "content-type"
	case "Content-Length":
		return "content-length"
	case "X-Kubernetes-Pf-Flowschema-Uid":
		return "x-kubernetes-pf-flowschema-uid"
	case "X-Kubernetes-Pf-Prioritylevel-Uid":
		return "x-kubernetes-pf-prioritylevel-uid"
	}
	return strings.ToLower(name)
}
