package atomicdir

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return strings.Join(all, " ")
}

func at(second int) func() time.Time {
	return func() time.Time { return time.Date(2026, 1, 2, 3, 4, second, 7, time.UTC) }
}

func write(t *testing.T, dir Dir, files map[string]File) bool {
	t.Helper()
	changed, err := dir.Write(files)
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

func TestLayoutAndUpdate(t *testing.T) {
	dir := Dir{Path: t.TempDir(), Now: at(5)}
	one := map[string]File{"a": {Data: []byte("1"), Mode: 0o644}, "sub/b": {Data: []byte("2"), Mode: 0o400}}
	if !write(t, dir, one) {
		t.Error("the first write changed nothing")
	}
	if got := names(t, dir.Path); got != "..2026_01_02_03_04_05.7 ..data a sub" {
		t.Errorf("folder holds %s", got)
	}
	if link, _ := os.Readlink(filepath.Join(dir.Path, "sub")); link != "..data/sub" {
		t.Errorf("sub links to %s", link)
	}
	// What a reader opened stays whole while the content is replaced.
	open, err := os.Open(filepath.Join(dir.Path, "a"))
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	dir.Now = at(6)
	if write(t, dir, one) {
		t.Error("writing the same again changed something")
	}
	if !write(t, dir, map[string]File{"a": {Data: []byte("3"), Mode: 0o644}}) {
		t.Error("new content changed nothing")
	}
	if got := names(t, dir.Path); got != "..2026_01_02_03_04_06.7 ..data a" {
		t.Errorf("folder holds %s", got)
	}
	old := make([]byte, 1)
	if _, err := open.Read(old); err != nil || string(old) != "1" {
		t.Errorf("the open file reads %q, %v", old, err)
	}
}

func TestModesAreCompared(t *testing.T) {
	dir := Dir{Path: t.TempDir(), Now: at(5)}
	write(t, dir, map[string]File{"a": {Mode: 0o400}})
	if !write(t, dir, map[string]File{"a": {Mode: 0o644}}) {
		t.Error("a wider mode changed nothing")
	}
}

func TestWhatACrashLeftIsRemoved(t *testing.T) {
	dir := Dir{Path: t.TempDir(), Now: at(5)}
	for _, name := range []string{"..2025_01_01_00_00_00.1/x", "stray"} {
		if err := os.MkdirAll(filepath.Join(dir.Path, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("..2025_01_01_00_00_00.1", filepath.Join(dir.Path, "..data_tmp")); err != nil {
		t.Fatal(err)
	}
	write(t, dir, map[string]File{"a": {Mode: 0o644}})
	if got := names(t, dir.Path); got != "..2026_01_02_03_04_05.7 ..data a" {
		t.Errorf("folder holds %s", got)
	}
}

func TestFailedPreparationShowsNothing(t *testing.T) {
	dir := Dir{Path: t.TempDir(), Now: at(5), Prepare: func(*os.Root) error { return errors.New("no") }}
	if _, err := dir.Write(map[string]File{"a": {}}); err == nil {
		t.Error("no error")
	}
	if got := names(t, dir.Path); got != "" {
		t.Errorf("folder holds %s", got)
	}
}

func TestPathsThatAreRefused(t *testing.T) {
	dir := Dir{Path: t.TempDir()}
	for _, name := range []string{"", "/abs", "../up", "a/../../b", "..data", "..x/y", strings.Repeat("x", 256)} {
		if _, err := dir.Write(map[string]File{name: {}}); err == nil {
			t.Errorf("%q was written", name)
		}
	}
}
