package programs

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
)

// ErrNone says that the executable carries no programs: it was built by go build alone.
var ErrNone = errors.New("this executable carries no programs; build it with make, which adds containerd, runc and kubectl to it")

// Unpack returns the folder that holds the programs, after unpacking them there if they were not. Several
// processes may call it at the same time.
func Unpack(dir string) (string, error) {
	executable, err := os.Executable()
	if err != nil {
		return "", err
	}
	archive, err := zip.OpenReader(executable)
	if errors.Is(err, zip.ErrFormat) {
		return "", ErrNone
	}
	if err != nil {
		return "", fmt.Errorf("reading the programs in %s: %w", executable, err)
	}
	defer archive.Close()
	archive.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderConcurrency(1)))
	target := filepath.Join(dir, archive.Comment)
	if _, err := os.Stat(target); err == nil {
		return target, nil
	}
	if err := unpackTo(target, archive.File); err != nil {
		return "", fmt.Errorf("unpacking programs to %s: %w", target, err)
	}
	return target, removeOthers(dir, archive.Comment)
}

// unpackTo fills a folder beside target and renames it, so that target is whole or absent.
func unpackTo(target string, files []*zip.File) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(filepath.Dir(target), ".unpacking-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	if err := os.Chmod(temporary, 0o755); err != nil {
		return err
	}
	for _, file := range files {
		if err := unpackFile(filepath.Join(temporary, filepath.Base(file.Name)), file); err != nil {
			return err
		}
	}
	if err := os.Symlink("containerd", filepath.Join(temporary, "ctr")); err != nil {
		return err
	}
	if err := os.Rename(temporary, target); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func unpackFile(name string, file *zip.File) error {
	from, err := file.Open()
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return errors.Join(err, to.Close())
	}
	return to.Close()
}

// removeOthers deletes what other versions had unpacked. A program that still runs keeps its open file.
func removeOthers(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == keep || filepath.Ext(entry.Name()) != "" || entry.Name()[0] == '.' {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
