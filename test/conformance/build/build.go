package build

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Builder makes things below a project's build folder.
type Builder struct {
	// Root of the project.
	Root string
	// Log is told what is being built, and gets what the compilers say.
	Log io.Writer
}

// Dir holds what was built.
func (b *Builder) Dir() string { return filepath.Join(b.Root, "build", "conformance") }

// Program is the path of a program that All built.
func (b *Builder) Program(name string) string { return filepath.Join(b.Dir(), "bin", name) }

// Archive holds all images.
func (b *Builder) Archive() string { return filepath.Join(b.Dir(), "images", "conformance.tar") }

// module is the folder of the suite's go.mod.
func (b *Builder) module() string { return filepath.Join(b.Root, "test", "conformance") }

const (
	component = "k8s.io/component-base/version"
	version   = "-X " + component + ".gitVersion=v1.36.3 -X " + component + ".gitMajor=1 -X " + component + ".gitMinor=36"
)

// program says how one is built.
type program struct {
	name string
	pkg  string
	dir  string // of its module below test/conformance
	test bool   // the package's test binary
}

var all = []program{
	{name: "e2e.test", pkg: "k8s.io/kubernetes/test/e2e", test: true},
	{name: "ginkgo", pkg: "github.com/onsi/ginkgo/v2/ginkgo"},
	{name: "agnhost", pkg: "k8s.io/kubernetes/test/images/agnhost"},
	{name: "nnp", pkg: "k8s.io/kubernetes/test/images/nonewprivs"},
	{name: "sample-apiserver", pkg: "k8s.io/sample-apiserver"},
	{name: "etcd", pkg: "go.etcd.io/etcd/server/v3"},
	{name: "coredns", pkg: ".", dir: "coredns"},
}

// All builds what is missing or older than its module.
func (b *Builder) All(ctx context.Context) error {
	for _, each := range all {
		module := filepath.Join(b.module(), each.dir)
		versions := []string{filepath.Join(module, "go.mod"), filepath.Join(module, "go.sum")}
		if each.pkg == "." {
			versions = append(versions, filepath.Join(module, "main.go"))
		}
		if err := b.once(each.name, versions, func() error { return b.compile(ctx, each) }); err != nil {
			return fmt.Errorf("building %s: %w", each.name, err)
		}
	}
	recipe := []string{filepath.Join(b.module(), "build", "busybox.go")}
	if err := b.once("busybox", recipe, func() error { return b.busybox(ctx, b.Program("busybox")) }); err != nil {
		return fmt.Errorf("building busybox: %w", err)
	}
	laidOut := []string{recipe[0], filepath.Join(b.module(), "go.sum"), filepath.Join(b.module(), "build", "trees.go")}
	if err := b.once("trees", laidOut, func() error { return b.trees(ctx) }); err != nil {
		return fmt.Errorf("making the trees of the images: %w", err)
	}
	return b.archive(ctx)
}

// once makes something unless it was made from the same files.
func (b *Builder) once(name string, files []string, build func() error) error {
	digest := sha256.New()
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		digest.Write(data)
	}
	stamp := filepath.Join(b.Dir(), "stamps", name)
	want := fmt.Sprintf("%x\n", digest.Sum(nil))
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		return nil
	}
	fmt.Fprintf(b.Log, "building %s\n", name)
	if err := build(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}

func (b *Builder) compile(ctx context.Context, p program) error {
	args := []string{"build"}
	if p.test {
		args = []string{"test", "-c"}
	}
	args = append(args, "-trimpath", "-ldflags", "-s -w "+version, "-o", b.Program(p.name), p.pkg)
	return b.run(ctx, filepath.Join(b.module(), p.dir), "go", args...)
}

// archive assembles the images. The assembler itself keeps every layer that has not changed.
func (b *Builder) archive(ctx context.Context) error {
	want, err := b.sources()
	if err != nil {
		return err
	}
	stamp := filepath.Join(b.Dir(), "stamps", "archive")
	if have, err := os.ReadFile(stamp); err == nil && string(have) == want {
		if _, err := os.Stat(b.Archive()); err == nil {
			return nil
		}
	}
	err = b.run(ctx, b.Root, "go", "run", "./hack/images", "-name", "conformance", "-o", filepath.Dir(b.Archive()), filepath.Join("test", "conformance", "images"))
	if err != nil {
		return err
	}
	return os.WriteFile(stamp, []byte(want), 0o644)
}

// sources is a digest of all that the archive is made from. The program pause is built anew each time and is small; of
// the others it is enough to know their size and time.
func (b *Builder) sources() (string, error) {
	digest := sha256.New()
	pause, err := os.ReadFile(filepath.Join(b.Root, "build", "programs", "pause"))
	if err != nil {
		return "", err
	}
	digest.Write(pause)
	for _, source := range []string{
		b.Program("agnhost"), b.Program("coredns"), b.Program("etcd"), b.Program("sample-apiserver"),
		filepath.Join(b.module(), "images"), filepath.Join(b.Root, "hack", "images"), filepath.Join(b.Dir(), "trees"),
	} {
		err := filepath.Walk(source, func(name string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() {
				fmt.Fprintln(digest, name, info.Size(), info.ModTime().UnixNano())
			}
			return err
		})
		if err != nil {
			return "", err
		}
	}
	return fmt.Sprintf("%x\n", digest.Sum(nil)), nil
}

func (b *Builder) run(ctx context.Context, dir, name string, args ...string) error {
	if err := b.command(ctx, b.Log, dir, name, args...); err != nil {
		return fmt.Errorf("running %s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// quietly runs a program that says much. It is heard only if it fails.
func (b *Builder) quietly(ctx context.Context, dir, name string, args ...string) error {
	var said bytes.Buffer
	if err := b.command(ctx, &said, dir, name, args...); err != nil {
		return fmt.Errorf("running %s %s: %w: %s", name, strings.Join(args, " "), err, said.Bytes())
	}
	return nil
}

func (b *Builder) command(ctx context.Context, log io.Writer, dir, name string, args ...string) error {
	command := exec.CommandContext(ctx, name, args...)
	command.Dir = dir
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	command.Stdout, command.Stderr = log, log
	return command.Run()
}
