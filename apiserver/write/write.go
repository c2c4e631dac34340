package write

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/filters"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/read"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/turns"
)

// Writer is what changes go through before they are stored.
type Writer struct {
	Admission *admission.Chain
	// FieldManager is of what has a Go type; nil for nobody.
	FieldManager kinds.FieldManager
	Served       *kinds.Served
	// Allowed says whether the caller may do what is not the verb of the request.
	Allowed func(ctx context.Context, attributes authorizer.Attributes) error

	turns turns.Turns
}

// Verbs are the verbs that change something, on one request.
type Verbs struct {
	read.Verbs
	*Writer
}

// mayCreate asks whether a caller of another verb may create as well.
func (c Verbs) mayCreate() error {
	attributes := filters.Attributes(c.R)
	attributes.Verb = "create"
	return c.Allowed(c.Context(), attributes)
}

// Current is an object as it is stored.
type Current struct {
	Object   resource.Object // never changed
	raw      []byte
	revision int64
	stale    bool // see storage.Record
}

// Now reads the object as it is.
func (c Verbs) Now(ctx context.Context, name string) (Current, error) {
	entry, err := c.Latest(ctx, name)
	if err != nil {
		return Current{}, err
	}
	if c.At.KeepsPacked() && entry.Err == nil {
		whole, raw, err := packed.Open(entry.Object.(*apiextensionsv1.CustomResourceDefinition))
		return Current{Object: whole, raw: raw, stale: isStale(entry.Stale), revision: entry.Revision}, err
	}
	obj, err := c.At.Object(ctx, entry)
	if err != nil {
		return Current{}, err
	}
	return Current{Object: obj, raw: entry.Raw, stale: isStale(entry.Stale), revision: entry.Revision}, nil
}

func isStale(stale func() bool) bool { return stale != nil && stale() }

func (c Verbs) currentOf(ctx context.Context, record storage.Record) (Current, error) {
	if record.Err != nil {
		return Current{}, record.Err
	}
	decoded, err := c.At.Decode(record.Value, record.Revision)
	if err != nil {
		return Current{}, err
	}
	obj, err := c.At.InVersion(ctx, decoded.(resource.Object))
	if err != nil {
		return Current{}, err
	}
	return Current{Object: obj, raw: record.Value, stale: isStale(record.Stale), revision: record.Revision}, nil
}

// knownWithin bounds the wait for the cache to know what is stored already: a cache that lags is no failure of the write.
const knownWithin = 3 * time.Second

// store commits. What governs other requests is answered when they are judged by it: without a wait the next request of the same client could
// still be judged by what was before.
func (c Verbs) store(ctx context.Context, ops ...storage.Op) (revision int64, err error) {
	defer audit.Spent(ctx, audit.Store, time.Now())
	if revision, err = c.Store.Commit(ctx, ops...); err != nil || !c.At.Row.Governs {
		return revision, err
	}
	short, cancel := context.WithTimeout(ctx, knownWithin)
	defer cancel()
	if err := c.Cache.WaitFor(short, revision); err != nil {
		logr.FromContextOrDiscard(ctx).V(1).Info("answering a write that this server does not judge by yet", "resource", c.At.Row.Name, "reason", err.Error())
	}
	return revision, nil
}
