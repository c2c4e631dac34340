package commits

import (
	"sync"
	"sync/atomic"
	"time"
)

// Commits are those of one database. etcd looks for changes ten times a second by itself, whether or not there are any, which was a third of
// what woke an idle server. Its log has what was acknowledged in either case.
//
//	        a write            Within later
//	quiet ───────────> armed ───────────────────> commit, quiet again
//
// What is not written by requests (leases that end, etcd's notes on itself) waits for etcd's own look, every LookEvery.
type Commits struct {
	followed atomic.Pointer[followed]
	timer    *time.Timer
	armed    atomic.Bool

	mu     sync.Mutex // held while it commits
	closed bool
}

const (
	// within is etcd's default for how often it looks.
	within = 100 * time.Millisecond
	// LookEvery is how often it has to do so where there are Commits.
	LookEvery = 2 * time.Second
)

// Database is one that can be told to commit. It must not be when it was closed.
type Database interface{ ForceCommit() }

// followed is a database until it commits by itself for the last time.
type followed struct {
	database Database
	ending   <-chan struct{}
}

// New returns those of no database yet.
func New() *Commits {
	c := &Commits{}
	c.timer = time.AfterFunc(time.Hour, c.commit)
	c.timer.Stop()
	return c
}

// Follow has a database commit from now on, until ending is closed.
func (c *Commits) Follow(database Database, ending <-chan struct{}) {
	c.followed.Store(&followed{database, ending})
}

// Wrote is to be called after each write. It takes no time.
func (c *Commits) Wrote() {
	if c.followed.Load() != nil && !c.armed.Load() && !c.armed.Swap(true) {
		c.timer.Reset(within)
	}
}

// commit includes all that was written before it.
func (c *Commits) commit() {
	c.armed.Store(false)
	followed := c.followed.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || followed == nil {
		return
	}
	select {
	case <-followed.ending:
	default:
		followed.database.ForceCommit()
	}
}

// Close returns when no commit is on its way, and there will be none.
func (c *Commits) Close() {
	c.timer.Stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
}
