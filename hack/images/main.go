// Command images assembles container images from Debian packages, without a registry, a daemon or
// maintainer scripts: every layer is the unpacked closure of some packages plus files of ours.
//
//	images -o build/images config/images
//
// Each folder below the given one holds an image.yaml (see Image) and the files it names; many small images may stand
// in one images.yaml instead, by name. All images go into one OCI archive, so that a layer they share is stored and
// imported once. A layer is rebuilt only when its packages or files change.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"sigs.k8s.io/yaml"
)

// Image is the content of an image.yaml, or of one key of an images.yaml.
type Image struct {
	// Names under which the image is known, "docker.io/coxswain/redis:7"; none for a base that
	// only others build on.
	Names []string `json:"names"`
	// Base is the folder of the image below this one.
	Base string `json:"base"`
	// Packages of Debian that the image adds, with all they depend on.
	Packages []string `json:"packages"`
	// Files to copy: path in the image to path in the folder. Executable if the source is.
	Files map[string]string `json:"files"`
	// Trees to copy: path in the image to a folder, with its links and modes. All of it belongs to root.
	Trees map[string]string `json:"trees"`
	// Links to make: path in the image to what it points to.
	Links map[string]string `json:"links"`
	// Folders to make: path in the image to an octal mode.
	Folders map[string]string `json:"folders"`

	Entrypoint []string `json:"entrypoint"`
	Command    []string `json:"command"`
	Env        []string `json:"env"`
	User       string   `json:"user"`
	WorkingDir string   `json:"workingDir"`
	StopSignal string   `json:"stopSignal"`

	dir string
}

func main() {
	out := flag.String("o", "build/images", "folder for the archive")
	cache := flag.String("cache", "build/cache", "folder for packages and layers")
	name := flag.String("name", "guestbook", "name of the archive")
	only := flag.String("only", "", "comma-separated folders of the images to put in; all when empty")
	flag.Parse()
	started := time.Now()
	images, err := read(flag.Arg(0))
	if err == nil {
		a := &assembler{images: images, cache: *cache, closures: map[string][]string{}, layers: map[string]v1.Layer{}}
		err = a.build(chosen(images, *only), filepath.Join(*out, *name+".tar"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "images: %s assembled in %s\n", *name, time.Since(started).Round(100*time.Millisecond))
}

// read returns all images of a folder by the name of their own folder, or of their key in images.yaml.
func read(dir string) (map[string]*Image, error) {
	images, err := readTable(filepath.Join(dir, "images.yaml"))
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*", "image.yaml"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		image := &Image{dir: filepath.Dir(file)}
		if err := readYAML(file, image); err != nil {
			return nil, err
		}
		images[filepath.Base(image.dir)] = image
	}
	if len(images) == 0 {
		return nil, fmt.Errorf("no images.yaml and no */image.yaml in %q", dir)
	}
	for name, image := range images {
		if image.Base != "" && images[image.Base] == nil {
			return nil, fmt.Errorf("image %s builds on %s, which does not exist", name, image.Base)
		}
	}
	return images, nil
}

// readTable reads many images of one file, if there is one.
func readTable(file string) (map[string]*Image, error) {
	images := map[string]*Image{}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return images, nil
	}
	if err := readYAML(file, &images); err != nil {
		return nil, err
	}
	for _, image := range images {
		image.dir = filepath.Dir(file)
	}
	return images, nil
}

func readYAML(file string, into any) error {
	data, err := os.ReadFile(file)
	if err == nil {
		err = yaml.UnmarshalStrict(data, into)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", file, err)
	}
	return nil
}

// chosen returns the folders to put in, sorted: those named, or all that have a name.
func chosen(images map[string]*Image, only string) []string {
	var names []string
	if only != "" {
		names = strings.Split(only, ",")
	} else {
		for name, image := range images {
			if len(image.Names) > 0 {
				names = append(names, name)
			}
		}
	}
	sort.Strings(names)
	return names
}

// chain lists an image and all below it, the lowest first.
func chain(images map[string]*Image, image *Image) []*Image {
	var all []*Image
	for image != nil {
		all = append([]*Image{image}, all...)
		image = images[image.Base]
	}
	return all
}
