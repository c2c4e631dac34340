package main

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// entries reads the table of contents of a layer.
func entries(t *testing.T, name string) map[string]*tar.Header {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	found := map[string]*tar.Header{}
	for r := tar.NewReader(file); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = header
	}
}

func TestTreesKeepModesAndLinks(t *testing.T) {
	dir := t.TempDir()
	bin := filepath.Join(dir, "tree", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(bin, "program")
	if err := os.WriteFile(program, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(program, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("program", filepath.Join(bin, "other")); err != nil {
		t.Fatal(err)
	}
	image := &Image{dir: dir, Trees: map[string]string{"/": "tree"}}
	name, err := layer(image, nil, true, filepath.Join(dir, "cache"))
	if err != nil {
		t.Fatal(err)
	}
	found := entries(t, name)
	if h := found["usr/bin/program"]; h == nil || h.Mode != 0o4755 || h.Uid != 0 || h.Size != 1 {
		t.Errorf("program: %+v", h)
	}
	if h := found["usr/bin/other"]; h == nil || h.Typeflag != tar.TypeSymlink || h.Linkname != "program" {
		t.Errorf("link: %+v", h)
	}
	// Without an entry of its own the root folder would get its mode from whoever unpacks it.
	if h := found["./"]; h == nil || h.Mode != 0o755 {
		t.Errorf("root folder: %+v", h)
	}
	if err := os.WriteFile(program, []byte("y"), 0o600); err != nil {
		t.Fatal(err)
	}
	if again, err := layer(image, nil, true, filepath.Join(dir, "cache")); err != nil || again == name {
		t.Errorf("a changed tree is the same layer %s: %v", again, err)
	}
}
