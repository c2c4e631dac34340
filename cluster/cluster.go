package cluster

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/cluster/credentials"
	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

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
	if err := node.CheckMachine(options); err != nil {
		return nil, err
	}
	unlock, err := datadir.Lock(options.DataDir)
	if err != nil {
		return nil, err
	}
	up := underWay.begin()
	defer up()
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
	admin := plane.certificates.Admin.Pair()
	if err := writeKubeconfigs(&options, plane, admin); err != nil {
		stop()
		return nil, errors.Join(err, plane.close(), unlock())
	}
	plane.certificates.Handed.Follow(admin, func(admin *pki.Pair) error {
		err := writeKubeconfigs(&options, plane, admin)
		if err != nil {
			logr.FromContextOrDiscard(ctx).Error(err, "The administrator's new certificate could not be written yet")
		}
		return err
	})
	up()
	go func() {
		defer close(c.done)
		defer stop()
		underWay.makeRoom(ctx)
		c.err = errors.Join(parts.Run(ctx), plane.close(), unlock())
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
		if err := credentials.WriteKubeconfig(file, plane.url(), plane.certificates.Trusted, admin); err != nil {
			return err
		}
	}
	return nil
}
