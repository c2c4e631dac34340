package volume

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/volume/safepath"
)

// subPathWorld is a pod with one emptyDir and its folder.
func subPathWorld(t *testing.T) (*world, *corev1.Pod, string) {
	needRoot(t)
	w := newWorld(t)
	pod := podWith(emptyDirSource("v", corev1.EmptyDirVolumeSource{}))
	return w, pod, w.setup(pod)["v"].HostPath
}

func (w *world) subPath(pod *corev1.Pod, sub string) (string, error) {
	path, cleanup, err := w.SubPath(pod, "main", corev1.VolumeMount{Name: "v", MountPath: "/v", SubPath: sub})
	w.t.Cleanup(cleanup)
	return path, err
}

func TestSubPathMakesFoldersAndBindsFiles(t *testing.T) {
	w, pod, dir := subPathWorld(t)
	path, err := w.subPath(pod, "a/b")
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(w.RootDir, "pods/uid-1/volume-subpaths/v/main/0"); path != want {
		t.Errorf("bound at %s, want %s", path, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "a/b/file"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := read(t, path, "file"); got != "x" {
		t.Errorf("file holds %q", got)
	}
	if got := mode(t, dir, "a"); got != os.ModeDir|0o777 {
		t.Errorf("made folder has mode %v", got)
	}
	if path, err = w.subPath(pod, "a/b/file"); err != nil || read(t, path) != "x" {
		t.Errorf("file as subPath: %v", err)
	}
}

func TestSubPathSymlinksCannotEscape(t *testing.T) { // bad input 14: CVE-2017-1002101, CVE-2021-25741
	w, pod, dir := subPathWorld(t)
	for name, target := range map[string]string{"abs": "/etc", "up": "../../../..", "self": "self", "inner": "real"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, sub := range []string{"abs", "abs/passwd", "up", "up/new", "self", "../x", "a/../../x"} {
		if path, err := w.subPath(pod, sub); !errors.Is(err, safepath.ErrEscapes) {
			t.Errorf("subPath %s gave %q, %v", sub, path, err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "real"), 0o755); err != nil {
		t.Fatal(err)
	}
	path, err := w.subPath(pod, "inner")
	if err != nil {
		t.Fatalf("a link inside the volume: %v", err)
	}
	// The link is swapped after the decision: the bind stays what was opened.
	if err := os.Remove(filepath.Join(dir, "inner")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("/", filepath.Join(dir, "inner")); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(path); err != nil || len(entries) != 0 {
		t.Errorf("bind shows %v, %v", entries, err)
	}
}

func TestTeardownDoesNotFollowSymlinks(t *testing.T) { // bad input 15: CVE-2017-1002102
	w, pod, dir := subPathWorld(t)
	outside := t.TempDir()
	precious := filepath.Join(outside, "precious")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.subPath(pod, "deep/er"); err != nil {
		t.Fatal(err)
	}
	// A container may have replaced the volume's own folder by a link.
	if err := os.Rename(dir, dir+"-moved"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, dir); err != nil {
		t.Fatal(err)
	}
	if err := w.Teardown(pod.UID); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("a file outside is gone: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(w.RootDir, "pods/uid-1")); !os.IsNotExist(err) {
		t.Errorf("the pod's folder is still there: %v", err)
	}
}

func TestRemovalNeverEntersAMount(t *testing.T) {
	needRoot(t)
	dir, precious := t.TempDir(), filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(precious, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "pod/mnt"), 0o755); err != nil {
		t.Fatal(err)
	}
	source, err := safepath.OpenBase(filepath.Dir(precious))
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	if err := safepath.Bind(source, filepath.Join(dir, "pod/mnt")); err != nil {
		t.Fatal(err)
	}
	defer safepath.Unmount(filepath.Join(dir, "pod/mnt"))
	if err := safepath.RemoveAll(filepath.Join(dir, "pod")); err == nil {
		t.Error("removing a folder with a mount in it succeeded")
	}
	if _, err := os.Stat(precious); err != nil {
		t.Errorf("a file in the mount is gone: %v", err)
	}
}
