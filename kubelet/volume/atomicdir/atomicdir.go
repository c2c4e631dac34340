package atomicdir

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"
)

const (
	dataLink    = "..data"
	dataLinkNew = "..data_tmp"
	stampFormat = "..2006_01_02_15_04_05."
)

// File is one regular file of a payload.
type File struct {
	Data []byte
	// Mode holds permission bits only.
	Mode fs.FileMode
	// UID, if not nil, owns the file.
	UID *int64
}

// Dir is the folder to write. It must exist.
type Dir struct {
	Path string
	// Prepare, if not nil, is called with the payload's open root before readers can see it: ownership is set here.
	Prepare func(payload *os.Root) error
	// Now stamps payload folders; nil means time.Now.
	Now func() time.Time
}

// Write makes the folder show exactly files (by relative path). It reports whether anything had to change.
func (d Dir) Write(files map[string]File) (changed bool, err error) {
	for name := range files {
		if err := checkPath(name); err != nil {
			return false, err
		}
	}
	root, err := os.OpenRoot(d.Path)
	if err != nil {
		return false, fmt.Errorf("opening volume folder: %w", err)
	}
	defer root.Close()

	current, err := currentPayload(root)
	if err != nil {
		return false, err
	}
	if current != "" && same(root, current, files) {
		return false, d.links(root, current, files)
	}
	payload, err := d.writePayload(root, files)
	if err != nil {
		return false, err
	}
	if err := swap(root, payload); err != nil {
		return false, errors.Join(err, root.RemoveAll(payload))
	}
	return true, d.links(root, payload, files)
}

func checkPath(name string) error {
	switch {
	case name == "":
		return errors.New("invalid path: must not be empty")
	case len(name) > 4096:
		return fmt.Errorf("invalid path: must be less than or equal to %d characters", 4096)
	case path.IsAbs(name):
		return fmt.Errorf("invalid path: must be relative path: %s", name)
	}
	for _, item := range strings.Split(name, "/") {
		if item == ".." {
			return fmt.Errorf("invalid path: must not contain '..': %s", name)
		}
		if len(item) > 255 {
			return errors.New("invalid path: filenames must be less than or equal to 255 characters")
		}
	}
	if strings.HasPrefix(name, "..") {
		return fmt.Errorf("invalid path: must not start with '..': %s", name)
	}
	return nil
}

// currentPayload returns the name of the payload folder that readers see, "" when there is none.
func currentPayload(root *os.Root) (string, error) {
	target, err := root.Readlink(dataLink)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", dataLink, err)
	}
	if !strings.HasPrefix(target, "..") || strings.Contains(target, "/") {
		return "", nil
	}
	return target, nil
}

// same says whether the payload folder holds files and nothing else. Modes that Prepare widened count as equal.
func same(root *os.Root, payload string, files map[string]File) bool {
	seen := 0
	err := fs.WalkDir(root.FS(), payload, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		want, ok := files[strings.TrimPrefix(name, payload+"/")]
		if !ok || !entry.Type().IsRegular() {
			return fs.ErrInvalid
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		have, err := root.ReadFile(name)
		if err != nil {
			return err
		}
		if !bytes.Equal(have, want.Data) || info.Mode().Perm()&want.Mode.Perm() != want.Mode.Perm() {
			return fs.ErrInvalid
		}
		seen++
		return nil
	})
	return err == nil && seen == len(files)
}

func (d Dir) writePayload(root *os.Root, files map[string]File) (string, error) {
	name, err := d.newPayload(root)
	if err != nil {
		return "", err
	}
	if err := fill(root, name, files, d.Prepare); err != nil {
		return "", errors.Join(err, root.RemoveAll(name))
	}
	return name, nil
}

func (d Dir) newPayload(root *os.Root) (string, error) {
	now := time.Now
	if d.Now != nil {
		now = d.Now
	}
	stamp := now().UTC()
	for serial := stamp.Nanosecond(); ; serial++ {
		name := stamp.Format(stampFormat) + strconv.Itoa(serial)
		err := root.Mkdir(name, 0o755)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", fmt.Errorf("creating payload folder: %w", err)
		}
		return name, root.Chmod(name, 0o755)
	}
}

func fill(root *os.Root, name string, files map[string]File, prepare func(*os.Root) error) error {
	payload, err := root.OpenRoot(name)
	if err != nil {
		return fmt.Errorf("opening payload folder: %w", err)
	}
	defer payload.Close()
	for file, content := range files {
		if dir := path.Dir(file); dir != "." {
			if err := payload.MkdirAll(dir, 0o755); err != nil {
				return fmt.Errorf("creating folder %s: %w", dir, err)
			}
		}
		if err := writeFile(payload, file, content); err != nil {
			return fmt.Errorf("writing %s: %w", file, err)
		}
	}
	if prepare == nil {
		return nil
	}
	return prepare(payload)
}

func writeFile(payload *os.Root, name string, content File) error {
	if err := payload.WriteFile(name, content.Data, content.Mode.Perm()); err != nil {
		return err
	}
	if err := payload.Chmod(name, content.Mode.Perm()); err != nil {
		return err
	}
	if content.UID == nil {
		return nil
	}
	return payload.Lchown(name, int(*content.UID), -1)
}

func swap(root *os.Root, payload string) error {
	if err := root.Remove(dataLinkNew); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing old %s: %w", dataLinkNew, err)
	}
	if err := root.Symlink(payload, dataLinkNew); err != nil {
		return fmt.Errorf("linking payload: %w", err)
	}
	if err := root.Rename(dataLinkNew, dataLink); err != nil {
		return fmt.Errorf("swapping payload: %w", err)
	}
	return nil
}

// links makes the names that users see match files, and removes every payload but the current one.
func (d Dir) links(root *os.Root, payload string, files map[string]File) error {
	want := map[string]bool{}
	for file := range files {
		first, _, _ := strings.Cut(file, "/")
		want[first] = true
	}
	for name := range want {
		target := dataLink + "/" + name
		if have, err := root.Readlink(name); err == nil && have == target {
			continue
		}
		if err := root.RemoveAll(name); err != nil {
			return fmt.Errorf("replacing %s: %w", name, err)
		}
		if err := root.Symlink(target, name); err != nil {
			return fmt.Errorf("linking %s: %w", name, err)
		}
	}
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return fmt.Errorf("listing volume folder: %w", err)
	}
	var errs []error
	for _, entry := range entries {
		name := entry.Name()
		if want[name] || name == dataLink || name == payload {
			continue
		}
		errs = append(errs, root.RemoveAll(name))
	}
	return errors.Join(errs...)
}
