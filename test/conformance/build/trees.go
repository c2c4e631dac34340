package build

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// trees lays out the folders that images copy: files of the suite's own images, and busybox with its applets.
func (b *Builder) trees(ctx context.Context) error {
	trees := filepath.Join(b.Dir(), "trees")
	if err := os.RemoveAll(trees); err != nil {
		return err
	}
	upstream, err := b.upstream(ctx)
	if err != nil {
		return err
	}
	for from, to := range map[string]string{
		"agnhost/porter/localhost.crt": "porter/localhost.crt", "agnhost/porter/localhost.key": "porter/localhost.key",
		"kitten/html/kitten.jpg": "kitten/kitten.jpg", "kitten/html/data.json": "kitten/data.json",
		"nautilus/html/nautilus.jpg": "nautilus/nautilus.jpg", "nautilus/html/data.json": "nautilus/data.json",
	} {
		if err := place(filepath.Join(upstream, "test", "images", from), filepath.Join(trees, to), 0o644); err != nil {
			return err
		}
	}
	nnp := filepath.Join(trees, "nonewprivs", "usr", "local", "bin", "nnp")
	if err := place(b.Program("nnp"), nnp, 0o755|os.ModeSetuid|os.ModeSetgid); err != nil {
		return err
	}
	return b.busybox(ctx, filepath.Join(trees, "busybox"))
}

// upstream is the folder of the module that the suite comes from.
func (b *Builder) upstream(ctx context.Context) (string, error) {
	command := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "k8s.io/kubernetes")
	command.Dir = b.module()
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("finding the suite's module: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// busybox unpacks two static programs of Debian and links what busybox can do to it.
func (b *Builder) busybox(ctx context.Context, tree string) error {
	debs, err := os.MkdirTemp(b.Dir(), "debs-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(debs)
	download := []string{"-o", "APT::Sandbox::User=root", "-q", "download", "busybox-static", "bash-static"}
	if err := b.run(ctx, debs, "apt-get", download...); err != nil {
		// A fresh machine has no lists of packages, or old ones.
		if err := b.run(ctx, debs, "apt-get", "-q", "update"); err != nil {
			return err
		}
		if err := b.run(ctx, debs, "apt-get", download...); err != nil {
			return err
		}
	}
	files, err := filepath.Glob(filepath.Join(debs, "*.deb"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if err := b.run(ctx, debs, "dpkg-deb", "-x", file, debs); err != nil {
			return err
		}
	}
	bin := filepath.Join(tree, "bin")
	for _, name := range []string{"busybox", "bash-static"} {
		if err := place(filepath.Join(debs, "bin", name), filepath.Join(bin, name), 0o755); err != nil {
			return err
		}
	}
	applets, err := exec.CommandContext(ctx, filepath.Join(bin, "busybox"), "--list").Output()
	if err != nil {
		return fmt.Errorf("listing busybox's applets: %w", err)
	}
	links := map[string]string{"bash": "bash-static"}
	for _, applet := range bytes.Fields(applets) {
		if name := string(applet); links[name] == "" && name != "busybox" {
			links[name] = "busybox"
		}
	}
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	// The shell of a newer busybox keeps variables whose names are no identifiers, which this one drops: what asks the PATH
	// for a shell gets one that keeps them.
	first := filepath.Join(tree, "usr", "local", "bin")
	if err := os.MkdirAll(first, 0o755); err != nil {
		return err
	}
	return os.Symlink("/bin/bash-static", filepath.Join(first, "sh"))
}

// place copies a file.
func place(from, to string, mode os.FileMode) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}
