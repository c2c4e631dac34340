package main

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// merged are the folders that Debian has merged into /usr; packages may still name the old paths.
var merged = []string{"bin", "sbin", "lib", "lib32", "lib64", "libx32"}

// dropped are parts of packages that no image needs.
var dropped = []string{"usr/share/doc/", "usr/share/man/", "usr/share/info/", "usr/share/locale/", "usr/share/lintian/",
	"usr/share/bug/", "usr/share/doc-base/", "var/cache/apt/", "usr/share/zoneinfo/right/", "usr/share/zoneinfo/posix/"}

// layer writes one layer as a tar file and returns its path, which names its content: an image's packages,
// without those that are already below it, and the image's own files.
func layer(image *Image, debs []string, first bool, cache string) (string, error) {
	key, err := fingerprint(image, debs, first)
	if err != nil {
		return "", err
	}
	name := filepath.Join(cache, "layers", key+".tar")
	if _, err := os.Stat(name); err == nil {
		return name, nil
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return "", err
	}
	file, err := os.Create(name + ".new")
	if err != nil {
		return "", err
	}
	defer file.Close()
	w := &writer{Writer: tar.NewWriter(file), seen: map[string]bool{}}
	if first {
		if err := w.skeleton(); err != nil {
			return "", err
		}
	}
	for _, deb := range debs {
		if err := w.unpack(deb); err != nil {
			return "", fmt.Errorf("unpacking %s: %w", filepath.Base(deb), err)
		}
	}
	if err := w.own(image); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	return name, os.Rename(name+".new", name)
}

func fingerprint(image *Image, debs []string, first bool) (string, error) {
	digest := sha256.New()
	fmt.Fprintln(digest, "v3", first, image.Links, image.Folders)
	for _, deb := range debs {
		fmt.Fprintln(digest, filepath.Base(deb))
	}
	for _, to := range sortedKeys(image.Files) {
		data, err := os.ReadFile(filepath.Join(image.dir, image.Files[to]))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(digest, to, len(data))
		digest.Write(data)
	}
	for _, to := range sortedKeys(image.Trees) {
		fmt.Fprintln(digest, "tree", to)
		if err := walk(filepath.Join(image.dir, image.Trees[to]), func(header *tar.Header, source string) error {
			fmt.Fprintln(digest, header.Name, header.Mode, header.Linkname, header.Size)
			return pour(digest, header, source)
		}); err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x", digest.Sum(nil))[:32], nil
}

// walk calls do for each entry of a folder, with a header whose name is relative to it.
func walk(root string, do func(header *tar.Header, source string) error) error {
	return filepath.WalkDir(root, func(source string, entry fs.DirEntry, err error) error {
		if err != nil || source == root {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		target := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			if target, err = os.Readlink(source); err != nil {
				return err
			}
		}
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, source)
		if err != nil {
			return err
		}
		return do(&tar.Header{Typeflag: header.Typeflag, Name: name, Linkname: header.Linkname, Mode: header.Mode, Size: header.Size}, source)
	})
}

// pour writes what a regular file holds.
func pour(w io.Writer, header *tar.Header, source string) error {
	if header.Typeflag != tar.TypeReg {
		return nil
	}
	file, err := os.Open(source)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(w, file)
	return err
}

// writer is a tar writer that moves merged folders below /usr and writes a folder once.
type writer struct {
	*tar.Writer
	seen map[string]bool
}

// skeleton is what base-files and base-passwd would have made in their maintainer scripts.
func (w *writer) skeleton() error {
	if err := w.dir(".", 0o755); err != nil {
		return err
	}
	for _, dir := range []string{"usr", "usr/bin", "usr/sbin", "usr/lib", "usr/lib64", "etc", "var", "var/lib", "var/log", "root", "proc", "sys", "dev"} {
		if err := w.dir(dir, 0o755); err != nil {
			return err
		}
	}
	for _, dir := range []string{"bin", "sbin", "lib", "lib64"} {
		if err := w.link(dir, "usr/"+dir); err != nil {
			return err
		}
	}
	if err := w.link("var/run", "/run"); err != nil {
		return err
	}
	if err := w.dir("run", 0o755); err != nil {
		return err
	}
	return w.dir("tmp", 0o1777)
}

func (w *writer) dir(name string, mode int64) error {
	if w.seen[name] {
		return nil
	}
	w.seen[name] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: name + "/", Mode: mode})
}

func (w *writer) link(name, to string) error {
	w.seen[name] = true
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777})
}

// unpack copies the files of a package.
func (w *writer) unpack(deb string) error {
	command := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	command.Stderr = os.Stderr
	pipe, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return err
	}
	copying := w.copy(tar.NewReader(pipe))
	if _, err := io.Copy(io.Discard, pipe); err != nil && copying == nil {
		copying = err
	}
	if err := command.Wait(); err != nil {
		return err
	}
	return copying
}

func (w *writer) copy(from *tar.Reader) error {
	for {
		header, err := from.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		name := usr(header.Name)
		if name == "" || drop(name) || (w.seen[name] && header.Typeflag == tar.TypeDir) {
			continue
		}
		w.seen[name] = true
		header.Name = name
		if header.Typeflag == tar.TypeDir {
			header.Name += "/"
		}
		if header.Typeflag == tar.TypeLink {
			header.Linkname = usr(header.Linkname)
		}
		header.Format = tar.FormatPAX
		if err := w.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.Copy(w, from); err != nil {
			return err
		}
	}
}

// usr returns the clean relative path with the merged folders moved, or "" for a folder that is a link.
func usr(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+name), "/")
	for _, dir := range merged {
		if name == dir {
			return ""
		}
		if strings.HasPrefix(name, dir+"/") {
			return "usr/" + name
		}
	}
	return name
}

func drop(name string) bool {
	for _, prefix := range dropped {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// own adds what an image.yaml lists by itself.
func (w *writer) own(image *Image) error {
	for _, name := range sortedKeys(image.Folders) {
		mode, err := strconv.ParseInt(image.Folders[name], 8, 64)
		if err != nil {
			return fmt.Errorf("reading the mode of %s: %w", name, err)
		}
		delete(w.seen, usr(name))
		if err := w.dir(usr(name), mode); err != nil {
			return err
		}
	}
	for _, name := range sortedKeys(image.Files) {
		source := filepath.Join(image.dir, image.Files[name])
		data, err := os.ReadFile(source)
		if err != nil {
			return err
		}
		info, err := os.Stat(source)
		if err != nil {
			return err
		}
		if err := w.WriteHeader(&tar.Header{Name: usr(name), Mode: int64(info.Mode().Perm()), Size: int64(len(data))}); err != nil {
			return err
		}
		if _, err := w.Write(data); err != nil {
			return err
		}
	}
	for _, to := range sortedKeys(image.Trees) {
		if err := walk(filepath.Join(image.dir, image.Trees[to]), func(header *tar.Header, source string) error {
			return w.entry(to, header, source)
		}); err != nil {
			return fmt.Errorf("copying %s: %w", image.Trees[to], err)
		}
	}
	for _, name := range sortedKeys(image.Links) {
		if err := w.link(usr(name), image.Links[name]); err != nil {
			return err
		}
	}
	return nil
}

// entry adds what was found in a tree that goes below a path of the image.
func (w *writer) entry(below string, header *tar.Header, source string) error {
	name := usr(path.Join(below, header.Name))
	if header.Typeflag == tar.TypeDir {
		if name == "" {
			return nil
		}
		return w.dir(name, header.Mode)
	}
	header.Name = name
	w.seen[name] = true
	if err := w.WriteHeader(header); err != nil {
		return err
	}
	return pour(w, header, source)
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
