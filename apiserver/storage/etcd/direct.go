package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"google.golang.org/protobuf/proto"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// direct calls a member in this process.
type direct struct {
	server *etcdserver.EtcdServer
	quota  int64
}

func (d *direct) Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	if err := d.checkQuota(r); err != nil {
		return nil, err
	}
	response, err := d.server.Txn(ctx, r)
	return response, translate(err)
}

// checkQuota refuses puts once the bytes in use are at the quota. Deletions pass, so that there is a way out.
func (d *direct) checkQuota(r *pb.TxnRequest) error {
	used := d.server.Backend().SizeInUse()
	if used < d.quota/2 && used+int64(d.server.Cfg.MaxRequestBytes) < d.quota {
		return nil
	}
	for _, op := range r.Success {
		if op.GetRequestPut() != nil && used+int64(proto.Size(r)) > d.quota {
			return storage.ErrNoSpace
		}
	}
	return nil
}

// Range reads what this member has applied when it is alone, because then that is all there is.
func (d *direct) Range(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	r.Serializable = isAlone(d.server)
	response, err := d.server.Range(ctx, r)
	return response, translate(err)
}

func (d *direct) Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	response, err := d.server.Compact(ctx, r)
	return response, translate(err)
}

func (d *direct) LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	response, err := d.server.LeaseGrant(ctx, r)
	return response, translate(err)
}
