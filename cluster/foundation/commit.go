package foundation

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

// bootstrap writes the objects that a cluster starts with, those that are missing or behind, and those of its own that are missing: a new
// cluster in one transaction. It returns those of its own that are there. Another server may do the same at the same time.
func (o *Objects) bootstrap(ctx context.Context, own []client.Object) (there []client.Object, err error) {
	for range 10 {
		there, err = o.bootstrapOnce(ctx, own)
		var lost *storage.ConflictError
		if !errors.Is(err, storage.ErrExists) && !errors.Is(err, storage.ErrNotFound) && !errors.As(err, &lost) {
			return there, err
		}
		if err := o.Cache.WaitCommitted(ctx); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// bootstrapOnce prepares all that is missing on what the cache knows now, and commits it. It returns those of own that are there already.
func (o *Objects) bootstrapOnce(ctx context.Context, own []client.Object) (there []client.Object, err error) {
	ops, err := o.bootstrapOps(ctx)
	if err != nil {
		return nil, err
	}
	old, err := o.retirements(ctx)
	if err != nil {
		return nil, err
	}
	ops = append(ops, old...)
	for _, object := range own {
		entry, kind, err := o.cached(ctx, object)
		if err != nil {
			return nil, err
		}
		if entry != nil {
			there = append(there, object)
			continue
		}
		creation, err := o.Server.Creation(ctx, kind, object.DeepCopyObject().(resource.Object), identity.Agent(identity.Server()), finish)
		if err != nil {
			return nil, fmt.Errorf("preparing %T %s: %w", object, object.GetName(), err)
		}
		ops = append(ops, creation...)
	}
	return there, o.commit(ctx, ops)
}

// commit returns when the cache has what was committed: in one transaction, or where etcd bounds these, in as few as it takes.
func (o *Objects) commit(ctx context.Context, ops []storage.Op) error {
	most := storage.MaxOps
	if len(o.Options.EtcdServers) == 0 {
		most = max(most, len(ops)) // the one within the process takes them all
	}
	var revision int64
	for chunk := range slices.Chunk(ops, most) {
		var err error
		if revision, err = o.Store.Commit(ctx, chunk...); err != nil {
			return err
		}
	}
	return o.Cache.WaitFor(ctx, revision)
}

// bootstrapOps bring the objects that every cluster has up to date.
func (o *Objects) bootstrapOps(ctx context.Context) ([]storage.Op, error) {
	blanks, err := sharedBlanks()
	if err != nil {
		return nil, err
	}
	ops := make([]storage.Op, 0, len(blanks))
	now := time.Now()
	var filled *forms
	var objects []resource.Object // needed where there is something to compare them with
	for _, b := range blanks {
		entry, err := o.entry(ctx, b.kind, b.key)
		if err != nil {
			return nil, err
		}
		if entry == nil {
			if filled == nil {
				filled = newForms(blanks, now)
			}
			ops = append(ops, storage.Op{Key: b.key, Value: filled.fill(b)})
			continue
		}
		if objects == nil {
			if objects, err = bootstrapObjects(); err != nil {
				return nil, err
			}
		}
		op, err := bootstrapOp(b, entry, objects[b.index], now)
		if err != nil {
			return nil, fmt.Errorf("preparing %s: %w", b.key, err)
		}
		if op != nil {
			ops = append(ops, *op)
		}
	}
	return ops, nil
}

// bootstrapOp is the write that brings a stored object up to date, or nil.
func bootstrapOp(b *blank, entry *cache.Entry, wanted resource.Object, now time.Time) (*storage.Op, error) {
	stored, ok := entry.Object.(resource.Object)
	if !ok {
		return nil, nil
	}
	op := &storage.Op{Key: b.key, Expected: entry.Revision}
	changed, replace := bootstrap.Reconcile(stored, wanted)
	switch {
	case replace:
		op.Value = b.fill(uuid.NewUUID(), now)
		return op, nil
	case changed == nil:
		return nil, nil
	}
	changed.SetResourceVersion("")
	changed.GetObjectKind().SetGroupVersionKind(wanted.GetObjectKind().GroupVersionKind())
	var err error
	op.Value, err = codec.EncodeStored(changed)
	return op, err
}

// cached is what the cache has of an object, nil for nothing, with the object's kind.
func (o *Objects) cached(ctx context.Context, object client.Object) (*cache.Entry, schema.GroupVersionKind, error) {
	kind, err := apiutil.GVKForObject(object, o.Server.Scheme)
	if err != nil {
		return nil, kind, err
	}
	row, err := rowOf(kind)
	if err != nil {
		return nil, kind, err
	}
	entry, err := o.entry(ctx, row, storage.Root+path.Join(row.StoragePrefix, object.GetNamespace(), object.GetName()))
	return entry, kind, err
}

// entry of a key; nil where there is none.
func (o *Objects) entry(ctx context.Context, row *resource.Resource, key string) (*cache.Entry, error) {
	cached, ok := o.Cache.Resource(storage.Root + row.StoragePrefix + "/")
	if !ok {
		return nil, nil
	}
	if err := cached.WaitReady(ctx); err != nil {
		return nil, err
	}
	entry, _ := cached.GetKey(key)
	return entry, nil
}

// rowOf is where a kind is stored.
func rowOf(kind schema.GroupVersionKind) (*resource.Resource, error) {
	for _, row := range BuiltIn() {
		if row.Group == kind.Group && row.Kind == kind.Kind && !row.Virtual {
			return row, nil
		}
	}
	return nil, fmt.Errorf("%s is not served", kind)
}
