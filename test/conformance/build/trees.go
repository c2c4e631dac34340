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
	return b.applets(ctx, filepath.Join(trees, "busybox", "bin"))
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

// applets puts busybox into a folder, with links for what it can do.
func (b *Builder) applets(ctx context.Context, bin string) error {
	if err := place(b.Program("busybox"), filepath.Join(bin, "busybox"), 0o755); err != nil {
		return err
	}
	names, err := exec.CommandContext(ctx, b.Program("busybox"), "--list").Output()
	if err != nil {
		return fmt.Errorf("listing busybox's applets: %w", err)
	}
	for _, applet := range bytes.Fields(names) {
		if name := string(applet); name != "busybox" {
			if err := os.Symlink("busybox", filepath.Join(bin, name)); err != nil {
				return err
			}
		}
	}
	return nil
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
