package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/cluster/datadir"
)

// Snapshots are copies of a cluster's whole state, kept in DataDir/snapshots.
type Snapshots struct {
	DataDir  string
	NodeName string
}

// Snapshot is one of them.
type Snapshot struct {
	Path  string
	Taken time.Time
	etcd.SnapshotInfo
}

func (s *Snapshots) dir() string { return filepath.Join(s.DataDir, "snapshots") }

// Save takes one of the server that runs on the data folder. Without a path it gets a name of its own among the others.
func (s *Snapshots) Save(ctx context.Context, path string, now time.Time) (Snapshot, error) {
	if path == "" {
		if err := os.MkdirAll(s.dir(), 0o700); err != nil {
			return Snapshot{}, fmt.Errorf("making the folder of snapshots: %w", err)
		}
		path = filepath.Join(s.dir(), fmt.Sprintf("etcd-snapshot-%s-%d", s.NodeName, now.Unix()))
	}
	from, err := s.from()
	if err != nil {
		return Snapshot{}, err
	}
	if err := etcd.SaveSnapshot(ctx, from, path); err != nil {
		return Snapshot{}, fmt.Errorf("%w; is the server running, with --data-dir %s?", err, s.DataDir)
	}
	return s.read(ctx, path)
}

// from is where the server's etcd is: for the one within the process its socket, which asks for no certificate.
func (s *Snapshots) from() (etcd.Remote, error) {
	access, err := ReadAccess(s.DataDir)
	if err != nil {
		return etcd.Remote{}, err
	}
	if access.Outside {
		return etcd.Remote{Endpoints: access.Endpoints, TLS: access.TLS()}, nil
	}
	return etcd.Remote{Endpoints: []string{endpoint(s.DataDir)}}, nil
}

// List returns those of the folder, the oldest first.
func (s *Snapshots) List(ctx context.Context) ([]Snapshot, error) {
	entries, err := os.ReadDir(s.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []Snapshot
	for _, entry := range entries {
		if entry.IsDir() || filepath.Ext(entry.Name()) == ".part" { // the second is being written
			continue
		}
		one, err := s.read(ctx, filepath.Join(s.dir(), entry.Name()))
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	slices.SortFunc(all, func(a, b Snapshot) int { return a.Taken.Compare(b.Taken) })
	return all, nil
}

func (s *Snapshots) read(ctx context.Context, path string) (Snapshot, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Snapshot{}, err
	}
	content, err := etcd.ReadSnapshot(ctx, path)
	return Snapshot{Path: path, Taken: info.ModTime(), SnapshotInfo: content}, err
}

// find returns the path of a snapshot, which may be given by its name in the folder.
func (s *Snapshots) find(path string) string {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) && filepath.Base(path) == path {
		return filepath.Join(s.dir(), path)
	}
	return path
}

// Restore puts a snapshot, given by its path or its name, in the place of the state of a server that does not run. It returns where the old state is kept,
// or "" if there was none.
func (s *Snapshots) Restore(ctx context.Context, path string, now time.Time) (old string, err error) {
	unlock, err := datadir.Lock(s.DataDir)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if access, err := ReadAccess(s.DataDir); err != nil || access.Outside {
		return "", errors.Join(err, fmt.Errorf("the server keeps its state in the etcd at %s: restore it there; or remove %s, and it is restored into an etcd within the server",
			strings.Join(access.Endpoints, ", "), accessFile(s.DataDir)))
	}
	current := filepath.Join(s.DataDir, "etcd")
	restored := current + ".restored"
	if err := os.RemoveAll(restored); err != nil {
		return "", fmt.Errorf("removing what an earlier attempt left: %w", err)
	}
	if err := etcd.RestoreSnapshot(ctx, s.find(path), restored); err != nil {
		return "", err
	}
	if _, err := os.Stat(current); err == nil {
		old = fmt.Sprintf("%s.%s", current, now.UTC().Format("20060102-150405"))
		if err := os.Rename(current, old); err != nil {
			return "", fmt.Errorf("putting the old state aside: %w", err)
		}
	}
	if err := os.Rename(restored, current); err != nil {
		return old, fmt.Errorf("putting the restored state in its place: %w", err)
	}
	return old, nil
}
