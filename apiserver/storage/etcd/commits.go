package etcd

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"google.golang.org/grpc"
)

// commits has the database of a member that is alone written to its file a moment after something has changed in it. etcd looks
// for changes ten times a second by itself, whether or not there are any, which was a third of what woke an idle server. The log has
// what was acknowledged in either case.
//
//	        a write            writeWithin later
//	quiet ───────────> armed ───────────────────> commit, quiet again
//
// What is not written by requests (leases that end, etcd's notes on itself) waits for etcd's own look, every lookEvery.
type commits struct {
	server atomic.Pointer[etcdserver.EtcdServer]
	timer  *time.Timer
	armed  atomic.Bool

	mu     sync.Mutex // held while it commits
	closed bool
}

const (
	// writeWithin is etcd's default for how often it looks.
	writeWithin = 100 * time.Millisecond
	// lookEvery is how often it does so here.
	lookEvery = 2 * time.Second
)

func newCommits() *commits {
	c := &commits{}
	c.timer = time.AfterFunc(time.Hour, c.commit)
	c.timer.Stop()
	return c
}

// wrote is to be called after each write. It takes no time.
func (c *commits) wrote() {
	if c.server.Load() != nil && !c.armed.Load() && !c.armed.Swap(true) {
		c.timer.Reset(writeWithin)
	}
}

// commit includes all that was written before it.
func (c *commits) commit() {
	c.armed.Store(false)
	server := c.server.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || server == nil {
		return
	}
	select {
	case <-server.StoppingNotify(): // it commits by itself
	default:
		server.Backend().ForceCommit()
	}
}

// close returns when no commit is on its way: the database must not be asked for one after it was closed.
func (c *commits) close() {
	c.timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}

// intercept hears of writes by clients over the network.
func (c *commits) intercept(ctx context.Context, request any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	answer, err := next(ctx, request)
	switch request.(type) {
	case *pb.TxnRequest, *pb.PutRequest, *pb.DeleteRangeRequest, *pb.LeaseGrantRequest, *pb.LeaseRevokeRequest:
		c.wrote()
	}
	return answer, err
}
