package audit

import (
	"bytes"
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authentication/user"
)

type recordKey struct{}

// recordOf the request that ctx is of; nil if it is not recorded.
func recordOf(ctx context.Context) *Record {
	r, _ := ctx.Value(recordKey{}).(*Record)
	return r
}

// Annotate adds to the event of the request that ctx is of, if it is recorded. The first value of a key stays.
func Annotate(ctx context.Context, key, value string) {
	if r := recordOf(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.annotate(key, value)
	}
}

// AnnotateRequest adds what is as much of the object as the object itself: only where the policy asks for that, which is when value is called.
func AnnotateRequest(ctx context.Context, key string, value func() string) {
	if r := recordOf(ctx); r != nil && reaches(r.decision.level, auditv1.LevelRequest) {
		Annotate(ctx, key, value())
	}
}

func (r *Record) annotate(key, value string) {
	if r.event.Annotations == nil {
		r.event.Annotations = map[string]string{}
	}
	if _, taken := r.event.Annotations[key]; !taken {
		r.event.Annotations[key] = value
	}
}

// Impersonate adds as whom the caller acts.
func Impersonate(ctx context.Context, as user.Info) {
	if r := recordOf(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		info := infoOf(as)
		r.event.ImpersonatedUser = &info
	}
}

// Constrained adds by which verb the caller may act as another, where that is not for everything.
func Constrained(ctx context.Context, verb string) {
	if r := recordOf(ctx); r != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.event.AuthenticationMetadata = &auditv1.AuthenticationMetadata{ImpersonationConstraint: verb}
	}
}

// Sent adds what was made of the body of a request. object completes the reference to what the request is about; nil for what has no
// name. show writes it down in JSON, and is called where the policy asks for that. A body that is read again is the same.
func Sent(ctx context.Context, object metav1.Object, show func() ([]byte, error)) {
	r := recordOf(ctx)
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sent {
		return
	}
	r.sent = true
	if object != nil && r.event.ObjectRef != nil {
		r.refer(object)
	}
	if !reaches(r.decision.level, auditv1.LevelRequest) {
		return
	}
	if text, err := show(); err == nil { // what nobody can read is not recorded
		r.event.RequestObject = r.unknown(bytes.TrimSpace(text))
	}
}

// refer completes the reference to the object by what the object says of itself.
func (r *Record) refer(object metav1.Object) {
	ref := *r.event.ObjectRef // a sink may still look at the one of the stage before
	r.event.ObjectRef = &ref
	for _, of := range []struct {
		to   *string
		from string
	}{{&ref.Name, object.GetName()}, {&ref.Namespace, object.GetNamespace()}, {(*string)(&ref.UID), string(object.GetUID())}, {&ref.ResourceVersion, object.GetResourceVersion()}} {
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

// Forwarded says that another answers the request, who has a record of its own: nothing of the answer is kept but its code.
func Forwarded(ctx context.Context) {
	if r := recordOf(ctx); r != nil {
		r.forwarded = true
	}
}

// Described says that the answer is an object, though none of a resource.
func Described(ctx context.Context) {
	if r := recordOf(ctx); r != nil && !r.long {
		r.writer.whole = reaches(r.decision.level, auditv1.LevelRequestResponse)
	}
}

// Part of the time that a request takes, by which its annotation is named.
type Part string

// The parts that are told apart.
const (
	Total              Part = "total"
	Authentication     Part = "authentication"
	Authorization      Part = "authorization"
	QueueWait          Part = "apf-queue-wait"
	MutatingWebhooks   Part = "mutating-webhook"
	ValidatingWebhooks Part = "validating-webhook"
	Store              Part = "etcd"
	ResponseWrite      Part = "response-write"
)

const (
	// latencyPrefix begins the annotations that say where the time of a slow request went.
	latencyPrefix = "apiserver.latency.k8s.io/"
	// slow is how long a request takes of which that is said.
	slow = 500 * time.Millisecond
)

// Spent adds to a part of the time that the request of ctx takes, from began until now.
func Spent(ctx context.Context, on Part, began time.Time) {
	if r := recordOf(ctx); r != nil {
		r.spend(on, time.Since(began))
	}
}

func (r *Record) spend(on Part, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.spent == nil {
		r.spent = map[Part]time.Duration{}
	}
	r.spent[on] += took
}

// explain says where the time went, if it was much. How long a request took that lasts says nothing.
func (r *Record) explain() {
	total := r.log.Clock.Now().Sub(r.event.RequestReceivedTimestamp.Time)
	if r.long || total <= slow {
		return
	}
	r.spend(Total, total)
	r.mu.Lock()
	defer r.mu.Unlock()
	for part, took := range r.spent {
		r.annotate(latencyPrefix+string(part), took.String())
	}
}

type arrivalKey struct{}

// Arrive notes when a request came, before it is known who has sent it.
func (l *Log) Arrive(ctx context.Context) context.Context {
	return context.WithValue(ctx, arrivalKey{}, l.Clock.Now())
}

// arrived is when the request came.
func (l *Log) arrived(ctx context.Context) time.Time {
	if at, ok := ctx.Value(arrivalKey{}).(time.Time); ok {
		return at
	}
	return l.Clock.Now()
}
