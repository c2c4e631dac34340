package fleet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
)

// Up makes a cluster below clusters and returns when all of its nodes are ready. What is left of an earlier one of the same
// name is removed first. say is told of every step. If it fails, what there is stays to be looked at.
func Up(ctx context.Context, clusters string, spec Spec, say func(string)) (*Fleet, error) {
	if err := spec.Validate(); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(clusters, 0o755); err != nil {
		return nil, err
	}
	f := &Fleet{Spec: spec, Token: newToken(), Dir: dirOf(clusters, spec.Name)}
	unlock, err := lock(f.Dir)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if err := f.clear(say); err != nil {
		return nil, err
	}
	if err := f.create(ctx, say); err != nil {
		return nil, fmt.Errorf("%w\n%s is left to be looked at; `coxswain down --name %s` removes it", err, f.Dir, f.Name)
	}
	return f, nil
}

// clear makes room for the cluster: it refuses where one runs, and removes what is left of one that does not.
func (f *Fleet) clear(say func(string)) error {
	if owner, ok := f.plug().Conflict(); ok {
		return fmt.Errorf("a cluster of the name %s runs already, kept in %s", f.Name, owner)
	}
	old, err := Open(filepath.Dir(f.Dir), f.Name)
	if err == nil && old.runs() {
		return fmt.Errorf("the cluster %s runs already: %s; `coxswain down --name %s` removes it", f.Name, old.summary(), f.Name)
	}
	if err := f.recognise(); err != nil {
		return err
	}
	if err != nil && !f.plug().Traces() {
		return f.empty()
	}
	if err := f.plug().Sweep(); err != nil {
		return fmt.Errorf("removing what an earlier cluster left: %w", err)
	}
	say("removed what an earlier cluster left")
	return f.empty()
}

// runs says whether a server of the cluster runs, be it frozen.
func (f *Fleet) runs() bool {
	for _, n := range f.Nodes()[:f.Servers] {
		if n.pid(server) != 0 {
			return true
		}
	}
	return false
}

func (f *Fleet) summary() string {
	var words []string
	for _, n := range f.Nodes() {
		words = append(words, n.Name()+" "+string(n.State()))
	}
	return strings.Join(words, ", ")
}

// recognise refuses to touch a folder that holds something and was never a cluster's. It is one's as long as machines are kept in it: when
// somebody else empties the folder, what runs there goes on writing.
func (f *Fleet) recognise() error {
	if f.plug().Owned() {
		return nil
	}
	entries, err := os.ReadDir(f.Dir)
	if err != nil || len(entries) == 0 {
		return err
	}
	for _, entry := range entries {
		if path := filepath.Join(f.Dir, entry.Name()); path == f.file() || path == f.newFile() {
			return nil
		}
	}
	return fmt.Errorf("%s is not empty and holds no cluster (there is no cluster.json): nothing in it was removed; move it away, or choose another --name or --data-dir", f.Dir)
}

// empty removes everything in the cluster's folder, and last what it is recognised by, in case that this is interrupted.
func (f *Fleet) empty() error {
	entries, err := os.ReadDir(f.Dir)
	if err != nil {
		return err
	}
	var removing errgroup.Group
	for _, entry := range entries {
		if path := filepath.Join(f.Dir, entry.Name()); path != f.file() {
			removing.Go(func() error { return os.RemoveAll(path) })
		}
	}
	if err := removing.Wait(); err != nil {
		return err
	}
	return os.RemoveAll(f.file())
}

// remove ends what runs and removes the cluster's folder. What could not be ended keeps its disks.
func (f *Fleet) remove(sweep func() error) error {
	if err := sweep(); err != nil {
		return err
	}
	if err := f.empty(); err != nil {
		return err
	}
	return os.RemoveAll(f.Dir)
}

func (f *Fleet) programs() string { return datadir.Programs(f.Dir) }

// unpack unpacks the programs that this executable carries, once for all machines.
func (f *Fleet) unpack() error {
	_, err := programs.Unpacked(f.programs())
	return err
}

// create makes the machines and starts everything on them, as much as possible at the same time.
func (f *Fleet) create(ctx context.Context, say func(string)) error {
	if err := f.plugIn(); err != nil {
		return err
	}
	all := f.Nodes()
	started := make(chan *process, 2*len(all))
	var unpacking, making errgroup.Group
	unpacking.Go(func() error {
		if err := f.unpack(); err != nil {
			return err
		}
		say("unpacked the programs")
		if err := f.importImages(ctx); err != nil || len(f.images()) == 0 {
			return err
		}
		say("imported the images")
		return nil
	})
	for _, n := range all {
		making.Go(func() error {
			if err := n.machine.Make(); err != nil {
				return err
			}
			for _, program := range n.Roles() {
				if program == agent {
					if err := errors.Join(unpacking.Wait(), n.shareImages()); err != nil {
						return err
					}
				}
				p, err := n.run(program)
				if err != nil {
					return err
				}
				started <- p
			}
			return nil
		})
	}
	if err := making.Wait(); err != nil {
		return err
	}
	close(started)
	say(fmt.Sprintf("started %d machines on %s", len(all), f.Subnet))
	var running []*process
	for p := range started {
		running = append(running, p)
	}
	return f.await(ctx, running, say)
}

// Down ends the cluster of a name and removes every trace of it. It says whether there was one.
func Down(clusters, name string) (bool, error) {
	f := &Fleet{Spec: Spec{Name: name}, Dir: dirOf(clusters, name)}
	if owner, ok := f.plug().Conflict(); ok {
		return false, fmt.Errorf("the cluster %s is kept in %s; say so with --data-dir", name, owner)
	}
	_, err := os.Stat(f.Dir)
	if err != nil && !f.plug().Traces() {
		return false, nil
	}
	unlock, err := lock(f.Dir)
	if err != nil {
		return false, err
	}
	defer unlock()
	if err := f.recognise(); err != nil {
		return false, err
	}
	if err := f.remove(f.plug().Sweep); err != nil {
		return true, fmt.Errorf("removing the cluster %s: %w", name, err)
	}
	_ = os.Remove(clusters) // others may be there
	return true, nil
}
