package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// closure returns the files of all packages that the named ones need on an empty machine, downloaded
// into dir, in a stable order.
func closure(dir string, packages []string) ([]string, error) {
	if len(packages) == 0 {
		return nil, nil
	}
	archives, err := filepath.Abs(filepath.Join(dir, "debs"))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(archives, "partial"), 0o755); err != nil {
		return nil, err
	}
	empty := filepath.Join(archives, "status")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		return nil, err
	}
	options := []string{"-q", "-y", "--no-install-recommends", "-o", "Dir::State::status=" + empty,
		"-o", "Dir::Cache::archives=" + archives, "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"}
	list := append(append(options, "--print-uris", "-o", "Dir::Cache::archives="+filepath.Join(archives, "none"), "install"), packages...)
	uris, err := apt(list)
	if err != nil {
		// A fresh machine has no lists of packages, or old ones.
		if _, updating := apt([]string{"update", "-q"}); updating != nil {
			return nil, errors.Join(err, updating)
		}
		if uris, err = apt(list); err != nil {
			return nil, err
		}
	}
	if _, err := apt(append(append(options, "--download-only", "install"), packages...)); err != nil {
		return nil, err
	}
	var files []string
	lines := bufio.NewScanner(bytes.NewReader(uris))
	for lines.Scan() {
		// 'URI' FILE SIZE HASH
		if fields := strings.Fields(lines.Text()); len(fields) >= 3 && strings.HasSuffix(fields[1], ".deb") {
			files = append(files, filepath.Join(archives, fields[1]))
		}
	}
	sort.Strings(files)
	return files, lines.Err()
}

func apt(args []string) ([]byte, error) {
	command := exec.Command("apt-get", args...)
	command.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C")
	var stderr bytes.Buffer
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("running apt-get %s: %w: %s", strings.Join(args, " "), err, stderr.Bytes())
	}
	return out, nil
}
