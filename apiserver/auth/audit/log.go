package audit

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"
)

// Sink takes events. It must not keep the request waiting for longer than it takes to write them down.
type Sink interface {
	Write(event *auditv1.Event)
}

// Log records requests. Its exported fields are inputs.
type Log struct {
	Policy *auditv1.Policy
	Sinks  []Sink
	Clock  clock.PassiveClock
	// JSON turns an answer of any media type that the server writes into JSON.
	JSON func(contentType string, body []byte) ([]byte, error)
	// Metrics count; nil counts nothing.
	Metrics *Metrics
}

// Record is one request that is being recorded.
type Record struct {
	log       *Log
	decision  decision
	long      bool
	stranger  bool // nobody is known to have asked
	writer    *writer
	forwarded bool // to another server, which answers

	mu    sync.Mutex
	sent  bool // what the client has sent is known
	event auditv1.Event
	spent map[Part]time.Duration
}

// Serve answers a request through next and records it as the policy says. long says that it may take any time.
func (l *Log) Serve(w http.ResponseWriter, r *http.Request, next http.Handler, a authorizer.Attributes, long bool) {
	l.serve(w, r, next, a, &Record{long: long})
}

// Refuse is Serve for a request whose caller is not known. It is recorded once, when the answer goes out, as upstream does.
func (l *Log) Refuse(w http.ResponseWriter, r *http.Request, next http.Handler, a authorizer.Attributes) {
	l.serve(w, r, next, a, &Record{stranger: true})
}

func (l *Log) serve(w http.ResponseWriter, r *http.Request, next http.Handler, a authorizer.Attributes, record *Record) {
	d := decide(l.Policy, a)
	l.Metrics.decided(d.level)
	if d.level == auditv1.LevelNone {
		next.ServeHTTP(w, r)
		return
	}
	record.log, record.decision, record.event = l, d, l.event(w, r, a)
	record.event.Level = d.level
	record.spend(Authentication, l.Clock.Now().Sub(record.event.RequestReceivedTimestamp.Time))
	if !record.stranger {
		record.emit(auditv1.StageRequestReceived)
	}
	bodies := a.IsResourceRequest() && !record.long && !record.stranger
	record.writer = &writer{
		ResponseWriter: w, record: record, code: http.StatusOK, whole: bodies && reaches(d.level, auditv1.LevelRequestResponse),
		// What is deleted, and what subresources do, is often answered by a Status.
		brief: bodies && (a.GetVerb() == "delete" || a.GetSubresource() != ""),
	}
	defer record.end()
	next.ServeHTTP(record.writer, r.WithContext(context.WithValue(r.Context(), recordKey{}, record)))
}

// event is what is known when a request arrives.
func (l *Log) event(w http.ResponseWriter, r *http.Request, a authorizer.Attributes) auditv1.Event {
	event := auditv1.Event{
		TypeMeta: metav1.TypeMeta{Kind: "Event", APIVersion: auditv1.SchemeGroupVersion.String()},
		AuditID:  types.UID(w.Header().Get(auditv1.HeaderAuditID)), RequestURI: r.URL.RequestURI(), Verb: a.GetVerb(),
		UserAgent: shortened(r.UserAgent()), RequestReceivedTimestamp: metav1.NewMicroTime(l.arrived(r.Context())),
	}
	for _, ip := range utilnet.SourceIPs(r) {
		event.SourceIPs = append(event.SourceIPs, ip.String())
	}
	if who := a.GetUser(); who != nil {
		event.User = infoOf(who)
	}
	if a.IsResourceRequest() {
		event.ObjectRef = &auditv1.ObjectReference{
			Namespace: a.GetNamespace(), Name: a.GetName(), Resource: a.GetResource(), Subresource: a.GetSubresource(),
			APIGroup: a.GetAPIGroup(), APIVersion: a.GetAPIVersion(),
		}
	}
	return event
}

// maxUserAgent is how much of the client's description is kept.
const maxUserAgent = 1024

func shortened(agent string) string {
	if len(agent) > maxUserAgent {
		return agent[:maxUserAgent] + "...TRUNCATED"
	}
	return agent
}

func infoOf(who user.Info) authenticationv1.UserInfo {
	info := authenticationv1.UserInfo{Username: who.GetName(), UID: who.GetUID(), Groups: who.GetGroups()}
	for key, values := range who.GetExtra() {
		if info.Extra == nil {
			info.Extra = map[string]authenticationv1.ExtraValue{}
		}
		info.Extra[key] = values
	}
	return info
}

// started is called when the header of the answer goes out.
func (r *Record) started() {
	if r.long && r.writer.code < http.StatusBadRequest {
		r.status()
		r.emit(auditv1.StageResponseStarted)
	}
}

// end records how it went, a panic among the ways.
func (r *Record) end() {
	problem := recover()
	r.readAnswer()
	r.status()
	r.explain()
	if problem != nil {
		r.mu.Lock()
		r.event.ResponseStatus = &metav1.Status{
			Code: http.StatusInternalServerError, Status: metav1.StatusFailure, Reason: metav1.StatusReasonInternalError,
			Message: fmt.Sprintf("APIServer panic'd: %v", problem),
		}
		r.mu.Unlock()
		r.emit(auditv1.StagePanic)
		panic(problem)
	}
	if r.stranger || r.long && r.writer.code >= http.StatusBadRequest { // a refusal is known when all of it is
		r.emit(auditv1.StageResponseStarted)
	}
	if !r.stranger {
		r.emit(auditv1.StageResponseComplete)
	}
}

func (r *Record) emit(stage auditv1.Stage) {
	if slices.Contains(r.decision.omit, stage) {
		return
	}
	r.mu.Lock()
	event := r.event
	event.Annotations = nil
	for key, value := range r.event.Annotations {
		if event.Annotations == nil {
			event.Annotations = map[string]string{}
		}
		event.Annotations[key] = value
	}
	r.mu.Unlock()
	event.Stage, event.StageTimestamp = stage, event.RequestReceivedTimestamp
	if stage != auditv1.StageRequestReceived {
		event.StageTimestamp = metav1.NewMicroTime(r.log.Clock.Now())
	}
	r.log.Metrics.emitted()
	for _, sink := range r.log.Sinks {
		sink.Write(&event)
	}
}

// status fills in how the request was answered: where that is by a Status, with what it says.
func (r *Record) status() {
	status := &metav1.Status{Code: int32(r.writer.code)} //nolint:gosec // an HTTP code fits
	var refusal *runtime.Unknown
	if failed := r.writer.code >= http.StatusBadRequest; !r.forwarded && (failed || r.writer.brief) {
		answer := r.answer()
		if said := statusIn(answer); said != nil {
			status = &metav1.Status{Code: status.Code, Status: said.Status, Message: said.Message, Reason: said.Reason, Details: said.Details}
			if failed && reaches(r.decision.level, auditv1.LevelRequestResponse) {
				refusal = r.unknown(answer)
			}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.event.ResponseStatus = status
	if refusal != nil {
		r.event.ResponseObject = refusal
	}
}

// answer is the body that was answered, as far as it was kept.
func (r *Record) answer() []byte {
	header, data := r.writer.Header(), r.writer.kept.Bytes()
	if header.Get("Content-Encoding") == "gzip" {
		zipped, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			return nil
		}
		if data, err = io.ReadAll(zipped); err != nil {
			return nil
		}
	}
	return r.log.json(header.Get("Content-Type"), data)
}

func (l *Log) json(contentType string, data []byte) []byte {
	if len(data) == 0 || l.JSON == nil {
		return nil
	}
	text, err := l.JSON(contentType, data)
	if err != nil {
		return nil // a body that nobody can read is not recorded
	}
	return bytes.TrimSpace(text)
}
