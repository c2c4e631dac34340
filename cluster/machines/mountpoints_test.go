package machines

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestOnlyListedFoldersAreRemoved(t *testing.T) {
	dir := t.TempDir()
	spaced, file, other := filepath.Join(dir, "a folder"), filepath.Join(dir, "file"), filepath.Join(dir, "a")
	for _, folder := range []string{spaced, other} {
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	removeListed(spaced + "\n" + file + "\n")
	if _, err := os.Stat(spaced); !errors.Is(err, os.ErrNotExist) {
		t.Error("a folder with a space in its name is left:", err)
	}
	for name, path := range map[string]string{"a file in a folder's place": file, "a folder with the beginning of a listed one's name": other} {
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%s was removed: %v", name, err)
		}
	}
}
