package main

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/compression"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// assembler makes images. What several of them have in common is asked for, read and compressed once.
type assembler struct {
	images   map[string]*Image
	cache    string
	closures map[string][]string
	layers   map[string]v1.Layer
}

// build assembles the named images and writes them as one OCI archive.
func (a *assembler) build(names []string, archive string) error {
	dir, err := os.MkdirTemp(filepath.Dir(a.cache), "oci-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	index, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	for _, name := range names {
		if a.images[name] == nil {
			return fmt.Errorf("there is no image %q", name)
		}
		stacked, err := a.stack(name)
		if err != nil {
			return fmt.Errorf("assembling %s: %w", name, err)
		}
		for _, reference := range a.images[name].Names {
			image, err := configure(stacked, a.images[name], reference)
			if err != nil {
				return fmt.Errorf("configuring %s: %w", reference, err)
			}
			annotations := layout.WithAnnotations(map[string]string{
				"io.containerd.image.name":          reference,
				"org.opencontainers.image.ref.name": reference,
			})
			if err := index.AppendImage(image, annotations); err != nil {
				return err
			}
		}
	}
	if err := os.MkdirAll(filepath.Dir(archive), 0o755); err != nil {
		return err
	}
	return pack(dir, archive)
}

// stack puts the layers of an image on each other.
func (a *assembler) stack(name string) (v1.Image, error) {
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	var packages []string
	present := map[string]bool{}
	for depth, part := range chain(a.images, a.images[name]) {
		packages = append(packages, part.Packages...)
		debs, err := a.closure(packages)
		if err != nil {
			return nil, err
		}
		file, err := layer(part, added(debs, present), depth == 0, a.cache)
		if err != nil {
			return nil, err
		}
		content, err := a.compressed(file)
		if err != nil {
			return nil, err
		}
		if image, err = mutate.AppendLayers(image, content); err != nil {
			return nil, err
		}
	}
	return image, nil
}

func (a *assembler) closure(packages []string) ([]string, error) {
	key := strings.Join(packages, " ")
	if debs, known := a.closures[key]; known {
		return debs, nil
	}
	debs, err := closure(a.cache, packages)
	if err == nil {
		a.closures[key] = debs
	}
	return debs, err
}

func (a *assembler) compressed(file string) (v1.Layer, error) {
	if layer := a.layers[file]; layer != nil {
		return layer, nil
	}
	layer, err := tarball.LayerFromFile(file, tarball.WithMediaType(types.OCILayerZStd), tarball.WithCompression(compression.ZStd), tarball.WithCompressionLevel(1), tarball.WithCompressedCaching)
	if err == nil {
		a.layers[file] = layer
	}
	return layer, err
}

// configure sets how an image runs. Its label makes an image of its own of each name.
func configure(image v1.Image, described *Image, reference string) (v1.Image, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	config.Config = v1.Config{
		Entrypoint: described.Entrypoint, Cmd: described.Command, User: described.User, WorkingDir: described.WorkingDir,
		StopSignal: described.StopSignal, Labels: map[string]string{"io.coxswain.image": reference},
		Env: append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}, described.Env...),
	}
	return mutate.ConfigFile(image, config)
}

// added returns the packages that are not present yet and marks them.
func added(debs []string, present map[string]bool) []string {
	var more []string
	for _, deb := range debs {
		if !present[deb] {
			present[deb] = true
			more = append(more, deb)
		}
	}
	return more
}

// pack writes a folder as a tar file.
func pack(dir, archive string) (err error) {
	file, err := os.Create(archive + ".new")
	if err != nil {
		return err
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
		if err == nil {
			err = os.Rename(archive+".new", archive)
		}
	}()
	w := tar.NewWriter(file)
	err = filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: relative, Mode: 0o644, Size: info.Size()}); err != nil {
			return err
		}
		source, err := os.Open(name)
		if err != nil {
			return err
		}
		defer source.Close()
		_, err = io.Copy(w, source)
		return err
	})
	if err != nil {
		return fmt.Errorf("packing %s: %w", archive, err)
	}
	return w.Close()
}
