package etcd

import (
	"context"
	"fmt"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/mvccpb"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/leases"
)

// backend is what an embedded and an outside etcd have in common. Errors are translated already.
type backend interface {
	Txn(ctx context.Context, r *pb.TxnRequest) (*pb.TxnResponse, error)
	Range(ctx context.Context, r *pb.RangeRequest) (*pb.RangeResponse, error)
	Compact(ctx context.Context, r *pb.CompactionRequest) (*pb.CompactionResponse, error)
	LeaseGrant(ctx context.Context, r *pb.LeaseGrantRequest) (*pb.LeaseGrantResponse, error)
}

// store is the part of a storage.Store that needs nothing but a backend.
type store struct {
	backend backend
	leases  leases.Leases
}

// granting has a backend grant leases.
type granting store

// Grant implements leases.Granter.
func (g *granting) Grant(ctx context.Context, seconds int64) (int64, error) {
	response, err := g.backend.LeaseGrant(ctx, &pb.LeaseGrantRequest{TTL: seconds})
	if err != nil {
		return 0, err
	}
	return response.ID, nil
}

// Commit implements storage.Writer.
func (s *store) Commit(ctx context.Context, ops ...storage.Op) (int64, error) {
	if err := check(ops); err != nil {
		return 0, err
	}
	revision, err := s.commit(ctx, ops)
	if isLeaseLost(err) {
		s.leases.Forget()
		revision, err = s.commit(ctx, ops)
	}
	return revision, err
}

func (s *store) commit(ctx context.Context, ops []storage.Op) (int64, error) {
	if between := onlyCreations(ops); between != nil {
		if revision, err := s.createAll(ctx, ops, between); revision != 0 || err != nil {
			return revision, err
		}
	}
	if isCreation(ops) {
		return s.create(ctx, &ops[0])
	}
	r := &pb.TxnRequest{
		Compare: make([]*pb.Compare, 0, len(ops)),
		Success: make([]*pb.RequestOp, 0, len(ops)),
	}
	for i := range ops {
		op := &ops[i]
		if c := condition(op); c != nil {
			r.Compare = append(r.Compare, c)
			r.Failure = append(r.Failure, readOp(op.Key))
		}
		write, err := s.writeOp(ctx, op)
		if err != nil {
			return 0, fmt.Errorf("committing %s: %w", op.Key, err)
		}
		r.Success = append(r.Success, write)
	}
	response, err := s.backend.Txn(ctx, r)
	if err != nil {
		return 0, fmt.Errorf("committing %s: %w", ops[0].Key, err)
	}
	if !response.Succeeded {
		return 0, failure(ops, response.Responses)
	}
	return response.Header.Revision, nil
}

// isCreation says that the operations are one that creates a key.
func isCreation(ops []storage.Op) bool {
	return len(ops) == 1 && ops[0].Expected == 0 && ops[0].Value != nil
}

// creation is what etcd is asked to create a key, in one piece of memory.
type creation struct {
	txn       pb.TxnRequest
	compare   pb.Compare
	nothing   pb.Compare_ModRevision
	success   pb.RequestOp
	wrapped   pb.RequestOp_RequestPut
	put       pb.PutRequest
	compares  [1]*pb.Compare
	successes [1]*pb.RequestOp
}

// create creates one key. Where the condition does not hold the key is there, and nobody need read it.
func (s *store) create(ctx context.Context, op *storage.Op) (int64, error) {
	lease, err := s.leases.For(ctx, (*granting)(s), op.TTL)
	if err != nil {
		return 0, fmt.Errorf("committing %s: %w", op.Key, err)
	}
	c := &creation{}
	key := []byte(op.Key)
	c.put.Key, c.put.Value, c.put.Lease = key, op.Value, lease
	c.wrapped.RequestPut, c.success.Request = &c.put, &c.wrapped
	c.compare.Key, c.compare.Target, c.compare.Result, c.compare.TargetUnion = key, pb.Compare_MOD, pb.Compare_EQUAL, &c.nothing
	c.compares[0], c.successes[0] = &c.compare, &c.success
	c.txn.Compare, c.txn.Success = c.compares[:], c.successes[:]
	response, err := s.backend.Txn(ctx, &c.txn)
	switch {
	case err != nil:
		return 0, fmt.Errorf("committing %s: %w", op.Key, err)
	case !response.Succeeded:
		return 0, fmt.Errorf("committing %s: %w", op.Key, storage.ErrExists)
	}
	return response.Header.Revision, nil
}

// manyOps are so many that one condition for all is worth trying first: what a new cluster begins with is in one transaction, a third of which
// would be conditions, and reads for when they do not hold.
const manyOps = 64

// onlyCreations returns the condition that there is nothing from the first to the last of many keys, if all are to be created.
func onlyCreations(ops []storage.Op) *pb.Compare {
	if len(ops) < manyOps {
		return nil
	}
	first, last := ops[0].Key, ops[0].Key
	for i := range ops {
		if ops[i].Expected != 0 || ops[i].Value == nil {
			return nil
		}
		first, last = min(first, ops[i].Key), max(last, ops[i].Key)
	}
	c := condition(&ops[0])
	c.Key, c.RangeEnd = []byte(first), []byte(last+"\x00")
	return c
}

// createAll returns no revision where the condition does not hold. Each key may yet be free.
func (s *store) createAll(ctx context.Context, ops []storage.Op, nothing *pb.Compare) (int64, error) {
	r := &pb.TxnRequest{Compare: []*pb.Compare{nothing}, Success: make([]*pb.RequestOp, len(ops))}
	requests, wrapped, puts := make([]pb.RequestOp, len(ops)), make([]pb.RequestOp_RequestPut, len(ops)), make([]pb.PutRequest, len(ops))
	for i := range ops {
		lease, err := s.leases.For(ctx, (*granting)(s), ops[i].TTL)
		if err != nil {
			return 0, fmt.Errorf("committing %s: %w", ops[i].Key, err)
		}
		puts[i].Key, puts[i].Value, puts[i].Lease = []byte(ops[i].Key), ops[i].Value, lease
		wrapped[i].RequestPut = &puts[i]
		requests[i].Request = &wrapped[i]
		r.Success[i] = &requests[i]
	}
	response, err := s.backend.Txn(ctx, r)
	if err != nil {
		return 0, fmt.Errorf("committing %s: %w", ops[0].Key, err)
	}
	if !response.Succeeded {
		return 0, nil
	}
	return response.Header.Revision, nil
}

func check(ops []storage.Op) error {
	if len(ops) == 0 {
		return fmt.Errorf("committing: no operations")
	}
	if len(ops) == 1 {
		return nil
	}
	seen := make(map[string]struct{}, len(ops))
	for i := range ops {
		if _, ok := seen[ops[i].Key]; ok {
			return fmt.Errorf("committing: two operations on %s", ops[i].Key)
		}
		seen[ops[i].Key] = struct{}{}
	}
	return nil
}

// condition of an operation; nil when there is none.
func condition(op *storage.Op) *pb.Compare {
	c := &pb.Compare{
		Key:         []byte(op.Key),
		Target:      pb.Compare_MOD,
		Result:      pb.Compare_EQUAL,
		TargetUnion: &pb.Compare_ModRevision{ModRevision: op.Expected},
	}
	if op.Expected != storage.Any {
		return c
	}
	if op.Value != nil {
		return nil
	}
	c.Result = pb.Compare_GREATER
	c.TargetUnion = &pb.Compare_ModRevision{ModRevision: 0}
	return c
}

func readOp(key string) *pb.RequestOp {
	return &pb.RequestOp{Request: &pb.RequestOp_RequestRange{RequestRange: &pb.RangeRequest{Key: []byte(key)}}}
}

func (s *store) writeOp(ctx context.Context, op *storage.Op) (*pb.RequestOp, error) {
	if op.Value == nil {
		return &pb.RequestOp{Request: &pb.RequestOp_RequestDeleteRange{
			RequestDeleteRange: &pb.DeleteRangeRequest{Key: []byte(op.Key)},
		}}, nil
	}
	lease, err := s.leases.For(ctx, (*granting)(s), op.TTL)
	if err != nil {
		return nil, err
	}
	return &pb.RequestOp{Request: &pb.RequestOp_RequestPut{
		RequestPut: &pb.PutRequest{Key: []byte(op.Key), Value: op.Value, Lease: lease},
	}}, nil
}

// failure finds the first operation whose condition does not hold. responses are the reads of those that have
// a condition, in order.
func failure(ops []storage.Op, responses []*pb.ResponseOp) error {
	for i := range ops {
		op := &ops[i]
		if condition(op) == nil {
			continue
		}
		kvs := responses[0].GetResponseRange().GetKvs()
		responses = responses[1:]
		switch {
		case len(kvs) == 0 && op.Expected == 0:
		case len(kvs) == 0:
			return fmt.Errorf("committing %s: %w", op.Key, storage.ErrNotFound)
		case op.Expected == 0 && op.Value != nil:
			return fmt.Errorf("committing %s: %w", op.Key, storage.ErrExists)
		case op.Expected != storage.Any && kvs[0].ModRevision != op.Expected:
			return &storage.ConflictError{Key: op.Key, Expected: op.Expected, Current: record(kvs[0])}
		}
	}
	return fmt.Errorf("committing %s: a condition failed that holds", ops[0].Key)
}

// Get implements storage.Reader.
func (s *store) Get(ctx context.Context, key string) (storage.Record, error) {
	response, err := s.backend.Range(ctx, &pb.RangeRequest{Key: []byte(key)})
	if err != nil {
		return storage.Record{}, fmt.Errorf("reading %s: %w", key, err)
	}
	if len(response.Kvs) == 0 {
		return storage.Record{}, fmt.Errorf("reading %s: %w", key, storage.ErrNotFound)
	}
	return record(response.Kvs[0]), nil
}

// Range implements storage.Reader.
func (s *store) Range(ctx context.Context, r storage.Range) (storage.Page, error) {
	from := max(r.From, r.Prefix)
	response, err := s.backend.Range(ctx, &pb.RangeRequest{
		Key: []byte(from), RangeEnd: prefixEnd(r.Prefix), Limit: int64(r.Limit), Revision: r.Revision,
	})
	if err != nil {
		return storage.Page{}, fmt.Errorf("reading %s: %w", r.Prefix, err)
	}
	page := storage.Page{
		Records:   make([]storage.Record, len(response.Kvs)),
		Revision:  r.Revision,
		More:      response.More,
		Remaining: response.Count - int64(len(response.Kvs)),
	}
	if page.Revision == 0 {
		page.Revision = response.Header.Revision
	}
	for i, kv := range response.Kvs {
		page.Records[i] = record(kv)
	}
	return page, nil
}

// Compact implements storage.Store. A revision that is compacted already is no error.
func (s *store) Compact(ctx context.Context, revision int64) error {
	_, err := s.backend.Compact(ctx, &pb.CompactionRequest{Revision: revision})
	if err != nil && !isCompacted(err) {
		return fmt.Errorf("compacting at revision %d: %w", revision, err)
	}
	return nil
}

func record(kv *mvccpb.KeyValue) storage.Record {
	return storage.Record{Key: string(kv.Key), Value: kv.Value, Revision: kv.ModRevision, Created: kv.CreateRevision}
}

// event translates etcd's. An empty value is not a deletion.
func event(e *mvccpb.Event) storage.Event {
	r := record(e.Kv)
	switch {
	case e.Type == mvccpb.Event_DELETE:
		r.Value, r.Created = nil, 0
	case r.Value == nil:
		r.Value = []byte{}
	}
	return storage.Event{Record: r}
}

// prefixEnd is the first key behind all that have the prefix; "\x00" means that there is none.
func prefixEnd(prefix string) []byte {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return []byte{0}
}
