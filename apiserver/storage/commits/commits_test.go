package commits

import (
	"testing"
	"time"
)

// counted tells of each commit.
type counted chan struct{}

func (c counted) ForceCommit() { c <- struct{}{} }

// await waits for a commit.
func (c counted) await(t *testing.T) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatal("nothing is committed")
	}
}

// Each write is followed by a commit, several by one, and none by none.
func TestCommitsFollowWrites(t *testing.T) {
	c, database := New(), make(counted, 10)
	c.Wrote() // to nobody yet
	c.Follow(database, nil)
	for range 3 {
		c.Wrote()
		database.await(t)
	}
	c.Close()
	c.Wrote()
	c.commit()
	if len(database) > 0 {
		t.Error("there was a commit after the end")
	}
}

// A database that ends by itself is left alone.
func TestNoCommitWhileTheDatabaseEnds(t *testing.T) {
	c, database, ending := New(), make(counted, 10), make(chan struct{})
	c.Follow(database, ending)
	c.commit()
	database.await(t)
	close(ending)
	c.commit()
	if len(database) > 0 {
		t.Error("there was a commit while it ended")
	}
}
