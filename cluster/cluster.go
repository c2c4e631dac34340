package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// RuntimeState is the folder in /run of our own containerd.
const RuntimeState = "/run/coxswain/containerd"

// ProgramsDir is where the carried programs of a data folder are unpacked.
func ProgramsDir(dataDir string) string { return filepath.Join(dataDir, "programs") }

// Cluster is a running cluster.
type Cluster struct {
	// Config is a client of the administrator over the network.
	Config *rest.Config
	// Kubeconfig is the file that says the same.
	Kubeconfig string

	done chan struct{}
	err  error
	stop context.CancelFunc
}

// Start starts a cluster and returns when its API server is ready. It runs until ctx ends, Stop is called or a
// part fails. What there is to say goes to the logger in ctx, or nowhere.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	ctx = logr.NewContext(ctx, logr.FromContextOrDiscard(ctx))
	if err := options.Complete(); err != nil {
		return nil, err
	}
	if err := options.Validate(); err != nil {
		return nil, err
	}
	if err := CheckMachine(options); err != nil {
		return nil, err
	}
	unlock, err := lock(options.DataDir)
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	plane, err := startControlPlane(ctx, &options)
	if err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	parts, err := newParts(ctx, plane)
	if err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	c := &Cluster{
		Config: plane.adminConfig(), Kubeconfig: filepath.Join(options.DataDir, "admin.kubeconfig"),
		done: make(chan struct{}), stop: stop,
	}
	admin := plane.certificates.admin.Pair()
	if err := writeKubeconfigs(&options, plane, admin); err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	plane.certificates.handed.follow(admin, func(admin *pki.Pair) error {
		err := writeKubeconfigs(&options, plane, admin)
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "The administrator's new certificate could not be written yet")
		}
		return err
	})
	go func() {
		defer close(c.done)
		defer stop()
		c.err = errors.Join(parts.run(ctx), plane.close(), unlock())
	}()
	return c, nil
}

// Wait returns when the cluster has ended, with what made it end if that was not asked for.
func (c *Cluster) Wait() error {
	<-c.done
	return c.err
}

// Stop ends the cluster and waits for it. Its containers go on.
func (c *Cluster) Stop() error {
	c.stop()
	return c.Wait()
}

func writeKubeconfigs(o *Options, plane *controlPlane, admin *pki.Pair) error {
	files := []string{filepath.Join(o.DataDir, "admin.kubeconfig")}
	if o.WriteKubeconfig != "" {
		files = append(files, o.WriteKubeconfig)
	}
	for _, file := range files {
		if err := writeKubeconfig(file, plane.url(), plane.certificates.trusted, admin); err != nil {
			return err
		}
	}
	return nil
}

// lock keeps a second server out of a data folder.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the data folder: %w", err)
	}
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking the data folder: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another server uses %s: %w; stop it, or choose another --data-dir", dir, err), file.Close())
	}
	return file.Close, nil
}
