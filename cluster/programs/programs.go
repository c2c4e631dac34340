package programs

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// ErrNone says that the executable carries no programs: it was built by go build alone.
var ErrNone = errors.New("this executable carries no programs; build it with make, which adds containerd, runc and kubectl to it")

// RefusedAdvice is the variable that tells kubectl what else to say when nobody listens at the address that it calls.
const RefusedAdvice = "COXSWAIN_REFUSED_ADVICE"

// Bundle is the programs that this executable carries.
type Bundle struct {
	// Dir is where they are once they are unpacked.
	Dir string

	executable string
}

// Find returns the programs that this executable carries, to be unpacked below dir, or ErrNone.
func Find(dir string) (*Bundle, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	archive, err := zip.OpenReader(executable)
	if errors.Is(err, zip.ErrFormat) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("reading the programs in %s: %w", executable, err)
	}
	return &Bundle{Dir: filepath.Join(dir, archive.Comment), executable: executable}, archive.Close()
}

// Unpack unpacks the programs to Dir, if they are not there yet. Several processes may call it at the same time.
func (b *Bundle) Unpack() error {
	if _, err := os.Stat(b.Dir); err == nil {
		return nil
	}
	archive, err := zip.OpenReader(b.executable)
	if err != nil {
		return fmt.Errorf("reading the programs in %s: %w", b.executable, err)
	}
	defer archive.Close()
	archive.RegisterDecompressor(zstd.ZipMethodWinZip, zstd.ZipDecompressor(zstd.WithDecoderConcurrency(1)))
	if err := unpackTo(b.Dir, archive.File); err != nil {
		return fmt.Errorf("unpacking programs to %s: %w", b.Dir, err)
	}
	return removeOthers(filepath.Dir(b.Dir), filepath.Base(b.Dir))
}

// Unpacked is Find and Unpack: it returns the folder of the programs.
func Unpacked(dir string) (string, error) {
	bundle, err := Find(dir)
	if err != nil {
		return "", err
	}
	return bundle.Dir, bundle.Unpack()
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

// removeOthers deletes what other versions had unpacked, unless something of it still runs: the shims of containers
// that are older than this version call the runc beside them.
func removeOthers(dir, keep string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == keep || entry.Name()[0] == '.' || inUse(filepath.Join(dir, entry.Name())) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}

// inUse says whether a process runs a program of the folder.
func inUse(dir string) bool {
	processes, _ := filepath.Glob("/proc/[0-9]*/exe")
	return slices.ContainsFunc(processes, func(link string) bool {
		executable, err := os.Readlink(link)
		return err == nil && filepath.Dir(executable) == dir
	})
}
