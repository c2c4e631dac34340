package machines

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// made lists the folders of this machine that were made because machines have their own of them. It is beside Pins and ends
// with the last switch, or with a reboot, which empties /run.
const made = "/run/coxswain/folders"

// makeFolder makes a folder of this machine for a mount of a machine, and remembers those above it that were made too.
func makeFolder(dir string) error {
	var missing []string
	for above := dir; ; above = filepath.Dir(above) {
		if _, err := os.Stat(above); err == nil {
			break
		}
		missing = append(missing, above)
	}
	if len(missing) == 0 {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	record, err := os.OpenFile(made, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	slices.Reverse(missing)
	_, err = record.WriteString(strings.Join(missing, "\n") + "\n")
	return errors.Join(err, record.Close())
}

// removeFolders removes what makeFolder made, where nobody has put anything into it since.
func removeFolders() {
	data, err := os.ReadFile(made)
	if err != nil {
		return
	}
	removeListed(string(data))
	_ = os.Remove(made)
}

// removeListed removes the folders of a list, one a line, the last one first. What is no folder any more is somebody else's.
func removeListed(list string) {
	folders := strings.Split(strings.TrimSuffix(list, "\n"), "\n")
	slices.Reverse(folders)
	for _, folder := range folders {
		_ = unix.Rmdir(folder)
	}
}
