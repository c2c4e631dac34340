package etcd

import (
	"errors"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	etcderrors "go.etcd.io/etcd/server/v3/etcdserver/errors"
	"go.etcd.io/etcd/server/v3/lease"
	"go.etcd.io/etcd/server/v3/storage/mvcc"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// errLeaseLost says that a lease expired between its grant and its use.
var errLeaseLost = errors.New("lease is gone")

// translation from etcd's errors, as the server's code and as its clients know them, to the store's.
var translation = []struct {
	etcd, store error
}{
	{mvcc.ErrCompacted, storage.ErrCompacted},
	{rpctypes.ErrCompacted, storage.ErrCompacted},
	{mvcc.ErrFutureRev, storage.ErrFuture},
	{rpctypes.ErrFutureRev, storage.ErrFuture},
	{etcderrors.ErrNoSpace, storage.ErrNoSpace},
	{rpctypes.ErrNoSpace, storage.ErrNoSpace},
	{etcderrors.ErrRequestTooLarge, storage.ErrTooLarge},
	{rpctypes.ErrRequestTooLarge, storage.ErrTooLarge},
	{lease.ErrLeaseNotFound, errLeaseLost},
	{rpctypes.ErrLeaseNotFound, errLeaseLost},
}

// translate makes an error the store's where it has one.
func translate(err error) error {
	if err == nil {
		return nil
	}
	plain := rpctypes.Error(err)
	for _, t := range translation {
		if errors.Is(err, t.etcd) || errors.Is(plain, t.etcd) {
			return t.store
		}
	}
	return err
}

func isCompacted(err error) bool { return errors.Is(err, storage.ErrCompacted) }
func isLeaseLost(err error) bool { return errors.Is(err, errLeaseLost) }
