package etcd

import (
	"context"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3election/v3electionpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3lock/v3lockpb"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3rpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/commits"
)

// direct calls a member in this process.
type direct struct {
	server  *etcdserver.EtcdServer
	quota   *quota
	commits *commits.Commits
}

func (d *direct) Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error) {
	if err := d.quota.admit(ctx, r); err != nil {
		return nil, err
	}
	response, err := d.server.Txn(ctx, r)
	d.commits.Wrote()
	return response, translate(err)
}

// Range reads what is committed, also when this member is alone: watchers are told of a change a moment before it is applied for
// readers, and who has seen it there must not find less here.
func (d *direct) Range(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error) {
	response, err := d.server.Range(ctx, r)
	return response, translate(err)
}

func (d *direct) Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error) {
	response, err := d.server.Compact(ctx, r)
	return response, translate(err)
}

func (d *direct) LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error) {
	if err := d.quota.admit(ctx, nil); err != nil {
		return nil, err
	}
	response, err := d.server.LeaseGrant(ctx, r)
	d.commits.Wrote()
	return response, translate(err)
}

// overhear hears of writes by clients over the network.
func overhear(written *commits.Commits) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
		answer, err := next(ctx, request)
		switch request.(type) {
		case *pb.TxnRequest, *pb.PutRequest, *pb.DeleteRangeRequest, *pb.LeaseGrantRequest, *pb.LeaseRevokeRequest:
			written.Wrote()
		}
		return answer, err
	}
}

// newServer answers clients by gRPC as etcd's own server does.
func newServer(member *etcdserver.EtcdServer, e *embed.Config) *grpc.Server {
	server, own := v3rpc.Server(member, nil, nil, append(liveness(e), e.GRPCAdditionalServerOptions...)...), v3client.New(member)
	v3electionpb.RegisterElectionServer(server, v3election.NewElectionServer(own))
	v3lockpb.RegisterLockServer(server, v3lock.NewLockServer(own))
	return server
}

// liveness is how often clients may ask whether the server is there, and how often it asks them: with gRPC's own bounds a client that waits for
// changes, and asks as etcd's do, would be thrown out.
func liveness(e *embed.Config) (options []grpc.ServerOption) {
	if e.GRPCKeepAliveMinTime > 0 {
		options = append(options, grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: e.GRPCKeepAliveMinTime}))
	}
	if e.GRPCKeepAliveInterval > 0 && e.GRPCKeepAliveTimeout > 0 {
		options = append(options, grpc.KeepaliveParams(keepalive.ServerParameters{Time: e.GRPCKeepAliveInterval, Timeout: e.GRPCKeepAliveTimeout}))
	}
	return options
}
