package etcd

import (
	"context"
	"crypto/sha256"
	"errors"
	"expvar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver"
	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/grpc"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/commits"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/sockets"
)

// Member is an etcd member in this process, and a storage.Store on it.
type Member struct {
	store
	config  Config
	etcd    *embed.Etcd
	server  *etcdserver.EtcdServer
	quota   *quota
	commits *commits.Commits
	socket  *sockets.Socket // nil without one
	fresh   bool            // it has no past
	leave   func()          // when nothing of it runs

	// closing ends watches when Close is called.
	closing   chan struct{}
	closeOnce sync.Once
}

var _ storage.Store = (*Member)(nil)

// errClosed is what watches of a closed member return.
var errClosed = errors.New("etcd member is closed")

// Embed starts a member and returns when it serves: when it is alone, within milliseconds; else when there is
// a quorum. ctx bounds the start, not the life.
func Embed(ctx context.Context, config Config) (*Member, error) {
	config = config.withDefaults()
	e, err := config.embed()
	if err != nil {
		return nil, err
	}
	fresh := isFresh(e.Dir)
	if config.alone() && !fresh {
		starting.Lock()
		defer starting.Unlock()
	}
	limit := &quota{limit: config.Quota}
	written := commits.New()
	e.GRPCAdditionalServerOptions = append(e.GRPCAdditionalServerOptions, grpc.ChainUnaryInterceptor(limit.intercept, overhear(written)))
	leave := config.enter()
	started, err := embed.StartEtcd(e)
	if err != nil {
		leave()
		return nil, fmt.Errorf("starting etcd in %s: %w", config.Dir, err)
	}
	m := &Member{config: config, etcd: started, server: started.Server, commits: written, fresh: fresh, leave: leave, closing: make(chan struct{})}
	limit.server.Store(m.server)
	if config.lonely() {
		written.Follow(m.server.Backend(), m.server.StoppingNotify())
	}
	m.store.backend, m.quota = &direct{server: m.server, quota: limit, commits: written}, limit
	err = m.waitReady(ctx)
	if err == nil && config.Socket != "" {
		m.socket, err = sockets.Listen(config.Socket, func() *grpc.Server { return newServer(m.server, e) })
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting etcd in %s: %w", config.Dir, err), m.Close())
	}
	return m, nil
}

// starting is held while a member that is alone starts again: etcd shows the raft status of the member that was
// started last only, and waitReady needs it. Members without a past start at the same time.
var starting sync.Mutex

// isFresh tells whether a folder has no member yet.
func isFresh(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "member"))
	return errors.Is(err, fs.ErrNotExist)
}

// nudgeEvery is how often a member that is alone is told to stand for election until it is elected.
const nudgeEvery = time.Millisecond

// waitReady returns when the member serves. A member that is alone need not wait for an election timeout to
// find out that there is no leader: it is told to campaign at once, as a leader that steps down would. It
// can only do so when raft has gone through what it had committed before; hence more than once.
func (m *Member) waitReady(ctx context.Context) error {
	nudge := time.NewTicker(nudgeEvery)
	defer nudge.Stop()
	for {
		select {
		case <-m.server.ReadyNotify():
			return nil
		case <-m.server.StopNotify():
			return errors.New("etcd stopped while it started")
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-nudge.C:
			if m.server.Lead() != 0 || !m.config.alone() {
				nudge.Stop()
				continue
			}
			if !m.isAlone() || !m.caughtUp() {
				continue
			}
			id := uint64(m.server.MemberID())
			campaign := &raftpb.Message{Type: raftpb.MsgTimeoutNow.Enum(), To: &id, From: &id}
			if err := m.server.Process(ctx, campaign); err != nil {
				return fmt.Errorf("standing for election: %w", err)
			}
		}
	}
}

// caughtUp tells whether raft is through with everything that was committed. Standing for election before
// would look for entries that may have been dropped already, which raft takes for a corrupted log.
func (m *Member) caughtUp() bool {
	if m.fresh { // nothing can have been dropped; raft itself does not stand before it has applied what made the cluster
		return m.server.AppliedIndex() > 0
	}
	status, ok := expvar.Get("raft.status").(expvar.Func)
	if !ok {
		return false
	}
	s, ok := status().(raft.Status)
	return ok && s.ID == uint64(m.server.MemberID()) && s.Applied > 0 && s.Applied == s.GetCommit()
}

// isAlone tells whether every acknowledged write has been applied here: no other member, not even a learner.
func (m *Member) isAlone() bool { return isAlone(m.server) }

func isAlone(s *etcdserver.EtcdServer) bool { return len(s.Cluster().Members()) <= 1 }

// Committed implements storage.Reader.
func (m *Member) Committed(ctx context.Context) (int64, error) {
	if m.isAlone() {
		return m.server.KV().Rev(), nil
	}
	r, err := m.backend.Range(ctx, &pb.RangeRequest{Key: []byte(storage.Root), CountOnly: true})
	if err != nil {
		return 0, fmt.Errorf("asking for the committed revision: %w", err)
	}
	return r.Header.Revision, nil
}

// Healthy implements storage.Store.
func (m *Member) Healthy(ctx context.Context) error {
	select {
	case <-m.closing:
		return errClosed
	default:
	}
	if m.server.Lead() == 0 {
		return errors.New("etcd has no leader")
	}
	if err := m.quota.check(ctx, m.server); err != nil {
		return err
	}
	for _, a := range m.server.Alarms() {
		return fmt.Errorf("etcd alarm %s on member %x", a.Alarm, a.MemberID)
	}
	// A read that the quorum agrees to shows that a write would be committed too.
	read := &pb.RangeRequest{Key: []byte(storage.Root), CountOnly: true}
	if _, err := m.server.Range(ctx, read); err != nil {
		return fmt.Errorf("reading from etcd: %w", translate(err))
	}
	return nil
}

// Endpoints are the URLs that the member listens on for clients; none by default.
func (m *Member) Endpoints() []string { return m.config.ClientURLs }

// Done is closed when the member has stopped, by Close or because it failed.
func (m *Member) Done() <-chan struct{} { return m.server.StopNotify() }

// Status is what is worth showing of a member.
type Status struct {
	ID, Leader   uint64
	Revision     int64
	Size, InUse  int64 // bytes of the database file, and of those in use
	Members      int
	AppliedIndex uint64
}

// Status returns the member's state without asking anybody.
func (m *Member) Status() Status {
	return Status{
		ID: uint64(m.server.MemberID()), Leader: m.server.Lead(),
		Revision: m.server.KV().Rev(),
		Size:     m.server.Backend().Size(), InUse: m.server.Backend().SizeInUse(),
		Members: len(m.server.Cluster().Members()), AppliedIndex: m.server.AppliedIndex(),
	}
}

// Snapshot writes a consistent copy of the database in etcdctl's format: the file, then its SHA-256.
func (m *Member) Snapshot(w io.Writer) error {
	s := m.server.Backend().Snapshot()
	defer s.Close()
	h := sha256.New()
	if _, err := s.WriteTo(io.MultiWriter(w, h)); err != nil {
		return fmt.Errorf("writing snapshot: %w", err)
	}
	if _, err := w.Write(h.Sum(nil)); err != nil {
		return fmt.Errorf("writing snapshot: %w", err)
	}
	return nil
}

// Defragment gives the disk back what compactions freed. Nothing can be read or written meanwhile.
func (m *Member) Defragment() error {
	if err := m.server.Backend().Defrag(); err != nil {
		return fmt.Errorf("defragmenting etcd: %w", err)
	}
	return nil
}

// closeWithin is how long remote clients may take to go.
const closeWithin = 500 * time.Millisecond

// Close stops the member. What was acknowledged is on disk. It returns within a second, even when remote
// clients hold on to their streams.
func (m *Member) Close() error {
	m.closeOnce.Do(func() {
		close(m.closing)
		m.commits.Close()
		done := make(chan struct{})
		go func() {
			defer close(done)
			if m.socket != nil {
				m.socket.Close()
			}
			m.etcd.Close()
			m.leave()
		}()
		late := time.NewTimer(closeWithin)
		defer late.Stop()
		select {
		case <-done:
		case <-late.C:
			m.server.HardStop()
		}
	})
	return nil
}
