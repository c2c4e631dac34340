package cluster

import (
	"context"
	"fmt"
	"path"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/aggregation"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

// batch bounds the operations of one transaction (etcd's own limit is 128).
const batch = 100

// bootstrap writes the objects that a cluster starts with, those that are missing or behind, in a few transactions.
func (c *controlPlane) bootstrap(ctx context.Context) error {
	objects, err := bootstrap.Objects()
	if err != nil {
		return err
	}
	for _, service := range aggregation.Local(c.rows) {
		objects = append(objects, service)
	}
	var ops []storage.Op
	for _, wanted := range objects {
		op, err := c.bootstrapOp(ctx, wanted)
		if err != nil {
			return fmt.Errorf("preparing %T %s: %w", wanted, wanted.GetName(), err)
		}
		if op != nil {
			ops = append(ops, *op)
		}
	}
	var revision int64
	for len(ops) > 0 {
		n := min(batch, len(ops))
		if revision, err = c.store.Commit(ctx, ops[:n]...); err != nil {
			return err
		}
		ops = ops[n:]
	}
	return c.cache.WaitFor(ctx, revision)
}

// bootstrapOp is the write that brings one object up to date, or nil.
func (c *controlPlane) bootstrapOp(ctx context.Context, wanted resource.Object) (*storage.Op, error) {
	kind := wanted.GetObjectKind().GroupVersionKind()
	row := c.rowOf(kind)
	if row == nil {
		return nil, fmt.Errorf("%s is not served", kind)
	}
	key := storage.Root + path.Join(row.StoragePrefix, wanted.GetNamespace(), wanted.GetName())
	op := storage.Op{Key: key}
	if cached, ok := c.cache.Resource(storage.Root + row.StoragePrefix + "/"); ok {
		if err := cached.WaitReady(ctx); err != nil {
			return nil, err
		}
		if entry, ok := cached.GetKey(key); ok {
			stored, ok := entry.Object.(resource.Object)
			if !ok {
				return nil, nil
			}
			changed, replace := bootstrap.Reconcile(stored, wanted)
			op.Expected = entry.Revision
			switch {
			case replace:
				bootstrap.Stamp(wanted, time.Now())
			case changed == nil:
				return nil, nil
			default:
				wanted = changed
				wanted.SetResourceVersion("")
			}
		}
	}
	if op.Expected == 0 {
		bootstrap.Stamp(wanted, time.Now())
		if version := row.Storage(); version.Default != nil {
			version.Default(wanted)
		}
	}
	wanted.GetObjectKind().SetGroupVersionKind(kind)
	var err error
	op.Value, err = codec.EncodeStored(wanted)
	return &op, err
}

func (c *controlPlane) rowOf(kind schema.GroupVersionKind) *resource.Resource {
	for _, row := range c.rows {
		if row.Group == kind.Group && row.Kind == kind.Kind && !row.Virtual {
			return row
		}
	}
	return nil
}
