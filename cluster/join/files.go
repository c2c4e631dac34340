package join

import (
	"fmt"
	"os"
	"path/filepath"
)

// WriteFile replaces a file at once: a crash leaves the old one or the new one. Only its owner can read it.
func WriteFile(name string, data []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(name+".new", name)
}

func fileExists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
