package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxRefusal is how much of a refusal is kept: a Status is small.
	maxRefusal = 64 << 10
	// maxObject is the largest answer that is recorded. Lists may be of any size.
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
	switch {
	case w.record.forwarded:
	case w.whole:
		w.kept.keep(data, maxObject)
	case w.brief || w.code >= http.StatusBadRequest:
		w.kept.keep(data, maxRefusal)
	}
	began := time.Now()
	n, err := w.ResponseWriter.Write(data)
	w.record.spend(ResponseWrite, time.Since(began))
	return n, err
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

// readAnswer fills in the object that was answered, if the policy asks for it.
func (r *Record) readAnswer() {
	if !r.writer.whole || r.forwarded {
		return
	}
	answered := r.answer()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.event.ResponseObject = r.unknown(answered)
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
