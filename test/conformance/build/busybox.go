package build

import (
	"archive/tar"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
)

// busybox is compiled from Debian's sources without Debian's patches, one of which has the shell drop variables whose
// names are no identifiers. The suite hands such names to containers and reads them back through the shell.
func (b *Builder) busybox(ctx context.Context, program string) error {
	dir, err := os.MkdirTemp(b.Dir(), "busybox-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	sources, err := b.debianSource(ctx, dir, "busybox")
	if err != nil {
		return err
	}
	if err := unpack(sources, dir); err != nil {
		return fmt.Errorf("unpacking %s: %w", sources, err)
	}
	if err := b.quietly(ctx, dir, "make", "-s", "defconfig"); err != nil {
		return err
	}
	// A static program for images; traffic control wants headers that kernels have no more.
	if err := configure(filepath.Join(dir, ".config"), map[string]bool{"CONFIG_STATIC": true, "CONFIG_TC": false}); err != nil {
		return err
	}
	if err := b.quietly(ctx, dir, "make", "-s", "-j"+strconv.Itoa(runtime.NumCPU()), "busybox"); err != nil {
		return err
	}
	return place(filepath.Join(dir, "busybox"), program, 0o755)
}

// debianSource downloads the original sources of a package and returns their file.
func (b *Builder) debianSource(ctx context.Context, dir, name string) (string, error) {
	lists, parts := filepath.Join(dir, "lists"), filepath.Join(dir, "sources")
	if err := errors.Join(os.MkdirAll(filepath.Join(lists, "partial"), 0o755), os.MkdirAll(parts, 0o755), sourcesInto(parts)); err != nil {
		return "", err
	}
	options := []string{"-q", "-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=" + parts, "-o", "Dir::State::lists=" + lists,
		"-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=", "-o", "APT::Sandbox::User=root"}
	for _, arguments := range [][]string{{"update"}, {"source", "--download-only", name}} {
		if err := b.quietly(ctx, dir, "apt-get", append(options, arguments...)...); err != nil {
			return "", err
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, name+"_*.orig.tar.bz2"))
	if err != nil || len(files) != 1 {
		return "", fmt.Errorf("looking for the sources of %s: found %q: %w", name, files, err)
	}
	return files[0], nil
}

// sourcesInto writes where this machine gets its packages from into a folder, with sources in the place of packages.
func sourcesInto(dir string) error {
	files := []string{"/etc/apt/sources.list"}
	for _, pattern := range []string{"*.list", "*.sources"} {
		more, err := filepath.Glob(filepath.Join("/etc/apt/sources.list.d", pattern))
		if err != nil {
			return err
		}
		files = append(files, more...)
	}
	kind := regexp.MustCompile(`(?m)^(deb|Types:\s*deb)(\s)`)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(file)), kind.ReplaceAll(data, []byte("$1-src$2")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// unpack unpacks the files of a compressed archive, without the folder that all of them are in.
func unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	for files := tar.NewReader(bzip2.NewReader(file)); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		_, name, below := strings.Cut(strings.TrimSuffix(header.Name, "/"), "/")
		if !below {
			continue
		}
		if err := unpackOne(root, name, header, files); err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, name string, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeDir:
		return root.MkdirAll(name, 0o755)
	case tar.TypeSymlink:
		return root.Symlink(header.Linkname, name)
	case tar.TypeReg:
		if err := root.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			return err
		}
		file, err := root.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, fs.FileMode(header.Mode).Perm()) //nolint:gosec // of an archive that apt has verified
		if err != nil {
			return err
		}
		_, err = io.Copy(file, content)
		// Times matter: make builds again what looks older than its source.
		return errors.Join(err, file.Close(), root.Chtimes(name, header.ModTime, header.ModTime))
	}
	return nil
}

// configure sets options of a Kconfig file that are there.
func configure(file string, options map[string]bool) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		name, _, _ := strings.Cut(strings.TrimPrefix(line, "# "), "=")
		name = strings.TrimSuffix(name, " is not set")
		if on, ours := options[name]; ours && on {
			lines[i] = name + "=y"
		} else if ours {
			lines[i] = "# " + name + " is not set"
		}
	}
	return os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644)
}
