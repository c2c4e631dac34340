package etcd

import (
	"context"
	"fmt"
	"os"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcdlog"
	"github.com/go-logr/logr"
	"go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/etcdutl/v3/snapshot"
)

// revisionBump is how far the revisions of a restored member are ahead of the snapshot's: further than any that was
// handed out after it was taken, so that no client mistakes an old revision for a new one. etcd's documentation of
// disaster recovery advises this much.
const revisionBump = 1_000_000_000

// SnapshotInfo describes a snapshot.
type SnapshotInfo struct {
	// Revision is the last one in it, Keys how many it has, of all revisions, and Size its bytes.
	Revision int64
	Keys     int
	Size     int64
	Hash     uint32
}

// SaveSnapshot copies the whole of a running member, the first of the endpoints, to a file. Nothing waits for it.
func SaveSnapshot(ctx context.Context, from Remote, file string) error {
	logger := etcdlog.Quiet(logr.FromContextOrDiscard(ctx))
	config, err := from.tls()
	if err != nil {
		return fmt.Errorf("saving a snapshot of etcd: %w", err)
	}
	member := from.Endpoints[:1]
	if _, err := snapshot.NewV3(logger).Save(ctx, clientv3.Config{Endpoints: member, TLS: config, Logger: logger}, file); err != nil {
		return fmt.Errorf("saving a snapshot of etcd at %s: %w", member[0], err)
	}
	return os.Chmod(file, 0o600)
}

// ReadSnapshot checks a snapshot and says what is in it.
func ReadSnapshot(ctx context.Context, file string) (SnapshotInfo, error) {
	status, err := snapshot.NewV3(etcdlog.Quiet(logr.FromContextOrDiscard(ctx))).Status(file)
	if err != nil {
		return SnapshotInfo{}, fmt.Errorf("reading the snapshot %s: %w", file, err)
	}
	return SnapshotInfo{Revision: status.Revision, Keys: status.TotalKey, Size: status.TotalSize, Hash: status.Hash}, nil
}

// RestoreSnapshot makes the data folder of a member that is alone from a snapshot, of whatever cluster. The folder must
// not exist.
func RestoreSnapshot(ctx context.Context, file, dir string) error {
	err := snapshot.NewV3(etcdlog.Quiet(logr.FromContextOrDiscard(ctx))).Restore(snapshot.RestoreConfig{
		SnapshotPath: file, OutputDataDir: dir, Name: defaultName, PeerURLs: []string{nobody}, InitialCluster: defaultName + "=" + nobody,
		InitialClusterToken: dir, RevisionBump: revisionBump, MarkCompacted: true,
	})
	if err != nil {
		return fmt.Errorf("restoring the snapshot %s: %w", file, err)
	}
	return nil
}
