package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

const (
	// maxRefusal is how much of a refusal is kept: a Status is small.
	maxRefusal = 64 << 10
	// maxObject is the largest object that is recorded. Requests of our own are not larger; those that are sent on to
	// other servers, and lists, may be of any size.
	maxObject = 8 << 20
)

// copied keeps up to a number of bytes, or nothing when there are more.
type copied struct {
	bytes.Buffer
	over bool
}

func (c *copied) keep(data []byte, most int) {
	if c.over = c.over || c.Len()+len(data) > most; c.over {
		c.Buffer = bytes.Buffer{}
		return
	}
	c.Write(data)
}

// body keeps what is read through it.
type body struct {
	io.ReadCloser
	kept copied
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.kept.keep(p[:n], maxObject)
	return n, err
}

// writer keeps the code of the answer, what refusals say, and the whole answer where the policy asks for it.
type writer struct {
	http.ResponseWriter
	record  *Record
	whole   bool
	brief   bool // a small answer is kept, too
	code    int
	started bool
	kept    copied
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(code int) {
	if !w.started {
		w.code, w.started = code, true
		w.ResponseWriter.WriteHeader(code)
		w.record.started()
		return
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *writer) Write(data []byte) (int, error) {
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	if w.whole {
		w.kept.keep(data, maxObject)
	} else if w.brief || w.code >= http.StatusBadRequest {
		w.kept.keep(data, maxRefusal)
	}
	return w.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController reach what is below.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Flush implements http.Flusher.
func (w *writer) Flush() {
	if !w.started {
		w.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(w.ResponseWriter).Flush() // a writer that cannot flush delivers at its end
}

// Hijack implements http.Hijacker.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if !w.started {
		w.code, w.started = http.StatusSwitchingProtocols, true
		w.record.started()
	}
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// readBodies fills in the objects that were sent and answered, as far as the policy asks for them.
func (r *Record) readBodies() {
	if r.request == nil {
		return
	}
	sent := r.log.json(r.mediaType, r.request.kept.Bytes())
	var answered []byte
	if r.writer.whole {
		answered = r.answer()
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.event.Verb == "create" || r.event.Verb == "update" {
		r.refer(sent)
	}
	if reaches(r.decision.level, auditv1.LevelRequest) {
		r.event.RequestObject = r.unknown(sent)
	}
	r.event.ResponseObject = r.unknown(answered)
}

// refer completes the reference to the object by what the object says of itself.
func (r *Record) refer(object []byte) {
	var sent metav1.PartialObjectMetadata
	if len(object) == 0 || json.Unmarshal(object, &sent) != nil {
		return
	}
	ref := *r.event.ObjectRef // a sink may still look at the one of the stage before
	r.event.ObjectRef = &ref
	for _, of := range []struct {
		to   *string
		from string
	}{{&ref.Name, sent.Name}, {&ref.Namespace, sent.Namespace}, {(*string)(&ref.UID), string(sent.UID)}, {&ref.ResourceVersion, sent.ResourceVersion}} {
		if *of.to == "" {
			*of.to = of.from
		}
	}
}

// unknown is an object as an event carries it.
func (r *Record) unknown(object []byte) *runtime.Unknown {
	if len(object) == 0 {
		return nil
	}
	if r.decision.omitManagedFields {
		object = withoutManagedFields(object)
	}
	return &runtime.Unknown{Raw: object, ContentType: runtime.ContentTypeJSON}
}

// withoutManagedFields leaves managed fields out of an object, out of the items of a list and of the rows of a table.
func withoutManagedFields(object []byte) []byte {
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(object))
	decoder.UseNumber()
	if decoder.Decode(&fields) != nil {
		return object
	}
	drop(fields)
	for _, item := range listed(fields["items"]) {
		drop(item)
	}
	for _, row := range listed(fields["rows"]) {
		if object, ok := row["object"].(map[string]any); ok {
			drop(object)
		}
	}
	out, err := json.Marshal(fields)
	if err != nil {
		return object
	}
	return out
}

// listed are the objects in a list.
func listed(list any) []map[string]any {
	var out []map[string]any
	items, _ := list.([]any)
	for _, item := range items {
		if object, ok := item.(map[string]any); ok {
			out = append(out, object)
		}
	}
	return out
}

func drop(object map[string]any) {
	if metadata, ok := object["metadata"].(map[string]any); ok {
		delete(metadata, "managedFields")
	}
}

// statusIn reads a Status, or returns nil.
func statusIn(object []byte) *metav1.Status {
	var status metav1.Status
	if len(object) == 0 || json.Unmarshal(object, &status) != nil || status.Kind != "Status" {
		return nil
	}
	return &status
}
