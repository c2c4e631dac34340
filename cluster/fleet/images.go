package fleet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/coxswain-k8s/coxswain/cluster/containerd"
	"github.com/coxswain-k8s/coxswain/cluster/datadir"
	"github.com/coxswain-k8s/coxswain/cluster/machines"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/programs"
)

// ImportCommand is the hidden command that imports images on a machine of its own: ImportImages.
const ImportCommand = "import-images"

// containerdRoot is where a node keeps its images, in its data folder.
func containerdRoot(dataDir string) string { return filepath.Join(dataDir, "containerd", "root") }

// images are the archives that the cluster's nodes have in common.
func (f *Fleet) images() []string {
	var names []string
	switch images := f.Agent["images"].(type) {
	case []string:
		names = images
	case []any: // as read from a file
		for _, image := range images {
			names = append(names, fmt.Sprint(image))
		}
	}
	return names
}

// importImages imports the images once, on a machine that is there for nothing else, where that is less work than on every
// node. The nodes get links to the same files.
func (f *Fleet) importImages(ctx context.Context) error {
	images := f.images()
	if len(images) == 0 || f.Spec.Nodes == 1 {
		return nil
	}
	dir := f.imagesDir()
	plug := f.plug()
	m := &machines.Machine{
		Name: f.Name + "-images", Switch: plug, IP: plug.Address(0), Dir: filepath.Join(dir, "disk"),
		Binds: []machines.Bind{{From: f.programs(), To: datadir.Programs(dir), ReadOnly: true}},
	}
	if err := m.Make(); err != nil {
		return err
	}
	executable, err := os.Executable()
	if err != nil {
		return err
	}
	var out bytes.Buffer
	command := exec.CommandContext(ctx, executable, append([]string{ImportCommand, dir}, images...)...)
	command.Dir, command.Stdout, command.Stderr = "/", &out, &out
	if err = m.Start(command); err == nil {
		err = command.Wait()
	}
	if err = errors.Join(err, m.Remove()); err != nil {
		return fmt.Errorf("importing images: %s: %s", err, strings.TrimSpace(out.String()))
	}
	return nil
}

func (f *Fleet) imagesDir() string { return filepath.Join(f.Dir, "images") }

// ImportImages imports archives into the data folder of a node that does not run.
func ImportImages(ctx context.Context, dataDir string, archives []string) error {
	bundle, err := programs.Unpacked(datadir.Programs(dataDir))
	if err != nil {
		return err
	}
	runtime := &containerd.Runtime{
		Programs: bundle, Root: containerdRoot(dataDir), State: node.RuntimeState, CNIBin: bundle, CNIConf: "/etc/cni/net.d",
	}
	if err := runtime.Prepare(); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- runtime.Run(ctx) }()
	select {
	case <-runtime.Ready():
		err = runtime.ImportAll(ctx, append([]string{filepath.Join(bundle, "pause.tar")}, archives...)...)
	case <-ctx.Done():
		err = ctx.Err()
	}
	stop()
	return errors.Join(err, <-ended)
}

// shareImages gives a node that has never run the images that were imported for all.
func (n *Node) shareImages() error {
	from, to := containerdRoot(n.fleet.imagesDir()), containerdRoot(n.path(agent))
	if _, err := os.Stat(from); err != nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o711); err != nil {
		return err
	}
	if err := share(from, to); err != nil {
		return fmt.Errorf("sharing images with %s: %w", n.Name(), err)
	}
	return nil
}

// share makes a tree that looks like another one. Its files are the same ones, for what is in layers and blobs never
// changes, but for databases, which are copied.
func share(from, to string) error {
	return filepath.WalkDir(from, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(name, from))
		switch {
		case entry.IsDir():
			return likeDir(name, target)
		case strings.HasSuffix(name, ".db") && entry.Type().IsRegular() && !strings.Contains(name, "/snapshots/"):
			data, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(target, data, 0o600)
		default:
			return os.Link(name, target)
		}
	})
}

// likeDir makes a folder with the owner, the mode and the attributes of another one.
func likeDir(name, target string) error {
	var stat unix.Stat_t
	if err := unix.Lstat(name, &stat); err != nil {
		return err
	}
	if err := os.Mkdir(target, 0o700); err != nil {
		return err
	}
	if err := os.Chown(target, int(stat.Uid), int(stat.Gid)); err != nil {
		return err
	}
	if err := unix.Chmod(target, stat.Mode&0o7777); err != nil {
		return err
	}
	return likeAttributes(name, target)
}

// likeAttributes copies extended attributes: a layer marks with one that a folder hides that of the layers below.
func likeAttributes(name, target string) error {
	names := make([]byte, 1<<12)
	n, err := unix.Llistxattr(name, names)
	if err != nil || n == 0 {
		return err
	}
	for attribute := range strings.SplitSeq(strings.TrimSuffix(string(names[:n]), "\x00"), "\x00") {
		value := make([]byte, 1<<12)
		size, err := unix.Lgetxattr(name, attribute, value)
		if err != nil {
			return fmt.Errorf("reading attribute %s of %s: %w", strconv.Quote(attribute), name, err)
		}
		if err := unix.Lsetxattr(target, attribute, slices.Clip(value[:size]), 0); err != nil {
			return err
		}
	}
	return nil
}
