// Command images assembles container images from Debian packages, without a registry, a daemon or
// maintainer scripts: every layer is the unpacked closure of some packages plus files of ours.
//
//	images -o build/images config/images
//
// Each folder below the given one holds an image.yaml (see Image) and the files it names. All images go into
// one OCI archive, so that a layer they share is stored and imported once. A layer is rebuilt only when
// its packages or files change.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

// Image is the content of an image.yaml.
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
		err = build(images, chosen(images, *only), *cache, filepath.Join(*out, *name+".tar"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "images:", err)
		os.Exit(1)
	}
	fmt.Fprintf(os.Stderr, "images: %s assembled in %s\n", *name, time.Since(started).Round(100*time.Millisecond))
}

// read returns all images of a folder by the name of their own folder.
func read(dir string) (map[string]*Image, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "image.yaml"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no */image.yaml in %q", dir)
	}
	images := map[string]*Image{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		image := &Image{dir: filepath.Dir(file)}
		if err := yaml.UnmarshalStrict(data, image); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		images[filepath.Base(image.dir)] = image
	}
	for name, image := range images {
		if image.Base != "" && images[image.Base] == nil {
			return nil, fmt.Errorf("image %s builds on %s, which does not exist", name, image.Base)
		}
	}
	return images, nil
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
