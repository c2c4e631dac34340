package etcd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// quota bounds the bytes in use of a member. etcd's own looks at the size of the file, and when it refuses a write it has
// made it already; ours refuses before, and looks at what is in use, so that compaction alone makes room.
//
//	          a put would exceed the limit
//	no alarm ──────────────────────────────> alarm NOSPACE: puts are refused, deletions and compactions pass
//	         <──────────────────────────────
//	          a tenth of the limit is free again, or `etcdctl alarm disarm`
//
// There is no server until the member is started.
type quota struct {
	server atomic.Pointer[etcdserver.EtcdServer]
	limit  int64

	settling sync.Mutex
	settled  time.Time
}

// enough is the use at which the alarm ends by itself.
func (q *quota) enough() int64 { return q.limit - q.limit/10 }

// admit refuses a write for which there is no room; nil is the grant of a lease, which has no size to speak of.
func (q *quota) admit(ctx context.Context, write *pb.TxnRequest) error {
	server := q.server.Load()
	if server == nil || write != nil && !puts(write) {
		return nil
	}
	alarm := q.raised(server)
	if used := server.Backend().SizeInUse(); !alarm && used < q.limit/2 && used+int64(server.Cfg.MaxRequestBytes) < q.limit {
		return nil // whatever the size of the write
	}
	used := q.used(server, func(used int64) bool {
		return alarm && used > q.enough() || !alarm && used+int64(proto.Size(write)) > q.limit
	})
	switch {
	case alarm && used > q.enough():
		return storage.ErrNoSpace
	case alarm:
		return q.set(ctx, server, pb.AlarmRequest_DEACTIVATE)
	case used+int64(proto.Size(write)) > q.limit:
		return errors.Join(storage.ErrNoSpace, q.set(ctx, server, pb.AlarmRequest_ACTIVATE))
	}
	return nil
}

// settleEvery bounds how often commits are made for nothing but to learn what is in use.
const settleEvery = time.Second

// used is how many bytes are in use. What is freed counts as used until the commits after that, and while puts are refused there
// may be none: before it matters, something that is not there is deleted.
func (q *quota) used(server *etcdserver.EtcdServer, matters func(used int64) bool) int64 {
	if used := server.Backend().SizeInUse(); !matters(used) {
		return used
	}
	q.settling.Lock()
	defer q.settling.Unlock()
	if time.Since(q.settled) >= settleEvery {
		for range 2 { // the first lets go of the pages, the second counts them
			tx := server.Backend().BatchTx()
			tx.LockOutsideApply()
			tx.UnsafeDelete(schema.Alarm, []byte("none"))
			tx.Unlock()
			server.Backend().ForceCommit()
		}
		q.settled = time.Now()
	}
	return server.Backend().SizeInUse()
}

// raised tells whether the alarm is on, of whichever member.
func (q *quota) raised(server *etcdserver.EtcdServer) bool {
	for _, a := range server.Alarms() {
		if a.Alarm == pb.AlarmType_NOSPACE {
			return true
		}
	}
	return false
}

// check explains the alarm, and ends it when there is room again.
func (q *quota) check(ctx context.Context, server *etcdserver.EtcdServer) error {
	used := q.used(server, func(used int64) bool { return used > q.enough() && q.raised(server) })
	if used <= q.enough() && q.raised(server) {
		if err := q.set(ctx, server, pb.AlarmRequest_DEACTIVATE); err != nil {
			return err
		}
	}
	if used <= q.limit && !q.raised(server) {
		return nil
	}
	return noSpace(used, q.limit)
}

// noSpace says what to do.
func noSpace(used, limit int64) error {
	return fmt.Errorf("%w: alarm NOSPACE, %d of %d bytes are in use and only deletions are accepted; delete objects, then compact "+
		"(`coxswain etcdctl compact REVISION`; the server does so within minutes), or raise --etcd-quota-backend-bytes",
		storage.ErrNoSpace, used, limit)
}

func (q *quota) set(ctx context.Context, server *etcdserver.EtcdServer, action pb.AlarmRequest_AlarmAction) error {
	for _, a := range q.members(server, action) {
		if _, err := server.Alarm(ctx, &pb.AlarmRequest{Action: action, MemberID: a, Alarm: pb.AlarmType_NOSPACE}); err != nil {
			return fmt.Errorf("setting the alarm NOSPACE: %w", err)
		}
	}
	return nil
}

// members whose alarm is set: this one's, or all that are raised. Others raise theirs again when they are still short.
func (q *quota) members(server *etcdserver.EtcdServer, action pb.AlarmRequest_AlarmAction) (ids []uint64) {
	if action == pb.AlarmRequest_ACTIVATE {
		return []uint64{uint64(server.MemberID())}
	}
	for _, a := range server.Alarms() {
		if a.Alarm == pb.AlarmType_NOSPACE {
			ids = append(ids, a.MemberID)
		}
	}
	return ids
}

// intercept holds clients over the network to the quota.
func (q *quota) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	var err error
	switch r := request.(type) {
	case *pb.TxnRequest:
		err = q.admit(ctx, r)
	case *pb.PutRequest:
		err = q.admit(ctx, &pb.TxnRequest{Success: []*pb.RequestOp{{Request: &pb.RequestOp_RequestPut{RequestPut: r}}}})
	}
	if err != nil {
		return nil, rpctypes.ErrGRPCNoSpace
	}
	answer, err := next(ctx, request)
	if status, ok := answer.(*pb.StatusResponse); ok && err == nil {
		status.DbSizeQuota = q.limit // etcd itself has none
	}
	return answer, err
}

func puts(write *pb.TxnRequest) bool {
	for _, ops := range [][]*pb.RequestOp{write.Success, write.Failure} {
		for _, op := range ops {
			if op.GetRequestPut() != nil || op.GetRequestTxn() != nil && puts(op.GetRequestTxn()) {
				return true
			}
		}
	}
	return false
}
