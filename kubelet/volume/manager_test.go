package volume

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestConfigMapUpdatesInPlace(t *testing.T) {
	object := configMap("conf", map[string]string{"key": "one", "gone": "x"})
	w := newWorld(t, object)
	pod := podWith(configMapSource("v", "conf"))
	dir := w.setup(pod)["v"].HostPath
	if want := filepath.Join(w.RootDir, "pods/uid-1/volumes/kubernetes.io~configmap/v"); dir != want {
		t.Errorf("volume is at %s, want %s", dir, want)
	}
	if got := read(t, dir, "key"); got != "one" {
		t.Errorf("key holds %q", got)
	}
	object.Data = map[string]string{"key": "two", "new": "y"}
	if err := w.client.Update(context.Background(), object); err != nil {
		t.Fatal(err)
	}
	w.awaitRefresh(pod, func() bool { return read(t, dir, "key") == "two" })
	if _, err := os.Lstat(filepath.Join(dir, "gone")); !os.IsNotExist(err) {
		t.Errorf("removed key is still there: %v", err)
	}
	if got := read(t, dir, "new"); got != "y" {
		t.Errorf("new key holds %q", got)
	}
}

func TestMissingConfigMapIsReportedAndComesLater(t *testing.T) {
	w := newWorld(t)
	pod := podWith(configMapSource("v", "conf"), corev1.Volume{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "sec"}}})
	_, err := w.Setup(context.Background(), pod)
	want := []string{
		`MountVolume.SetUp failed for volume "v" : configmap "conf" not found`,
		`MountVolume.SetUp failed for volume "s" : secret "sec" not found`,
	}
	if diff := cmp.Diff(want, Messages(err)); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
	if err := w.client.Create(context.Background(), configMap("conf", map[string]string{"k": "v"})); err != nil {
		t.Fatal(err)
	}
	select {
	case <-w.refreshes:
	case <-time.After(time.Minute):
		t.Error("nobody was told that the ConfigMap is there now")
	}
}

func TestItemsModesAndOptional(t *testing.T) {
	w := newWorld(t, configMap("conf", map[string]string{"a": "1", "b": "2"}))
	some := configMapSource("some", "conf")
	some.ConfigMap.Items = []corev1.KeyToPath{{Key: "a", Path: "deep/er/a.txt"}, {Key: "b", Path: "b", Mode: ptr(int32(0o400))}}
	some.ConfigMap.DefaultMode = ptr(int32(0o640))
	none := configMapSource("none", "missing")
	none.ConfigMap.Optional = ptr(true)
	unused := configMapSource("unused", "missing")
	pod := podWith(some, none)
	pod.Spec.Volumes = append(pod.Spec.Volumes, unused)
	mounts := w.setup(pod)
	dir := mounts["some"].HostPath
	if got := read(t, dir, "deep/er/a.txt"); got != "1" {
		t.Errorf("a.txt holds %q", got)
	}
	if a, b := mode(t, dir, "deep/er/a.txt"), mode(t, dir, "b"); a != 0o640 || b != 0o400 {
		t.Errorf("modes are %v and %v", a, b)
	}
	if entries, _ := os.ReadDir(mounts["none"].HostPath); len(entries) != 2 {
		t.Errorf("optional volume has %v, want only ..data and its empty payload", entries)
	}
}

func TestMissingKey(t *testing.T) {
	w := newWorld(t, configMap("conf", nil))
	volume := configMapSource("v", "conf")
	volume.ConfigMap.Items = []corev1.KeyToPath{{Key: "nope", Path: "x"}}
	_, err := w.Setup(context.Background(), podWith(volume))
	if err == nil || !strings.Contains(err.Error(), "configmap references non-existent config key: nope") {
		t.Errorf("got %v", err)
	}
}

func TestImmutableObjectsAreNotWatched(t *testing.T) {
	object := configMap("conf", map[string]string{"k": "v"})
	object.Immutable = ptr(true)
	w := newWorld(t, object)
	w.setup(podWith(configMapSource("v", "conf")))
	if watches := len(w.Objects.(*WatchSource).watches); watches != 0 {
		t.Errorf("%d watches are open", watches)
	}
}

func TestGitRepoIsRefused(t *testing.T) { // bad input 17: CVE-2024-10220
	w := newWorld(t)
	_, err := w.Setup(context.Background(), podWith(corev1.Volume{Name: "g", VolumeSource: corev1.VolumeSource{
		GitRepo: &corev1.GitRepoVolumeSource{Repository: "https://example.com/x.git"}}}))
	if err == nil || !strings.Contains(err.Error(), "gitRepo volumes are refused") {
		t.Errorf("got %v", err)
	}
}

func TestProjectedToken(t *testing.T) {
	needRoot(t)
	w := newWorld(t, configMap("kube-root-ca.crt", map[string]string{"ca.crt": "CA"}))
	volume := corev1.Volume{Name: "api", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
		{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Path: "token", ExpirationSeconds: ptr(int64(3600))}},
		{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"}}},
		{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}}},
	}}}}
	pod := podWith(volume)
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: ptr(int64(1234)), FSGroup: ptr(int64(5678))}
	dir := w.setup(pod)["api"].HostPath
	if got := read(t, dir, "token"); got != "a token of default for uid-1" {
		t.Errorf("token is %q", got)
	}
	if ca, ns := read(t, dir, "ca.crt"), read(t, dir, "namespace"); ca != "CA" || ns != "ns" {
		t.Errorf("ca.crt %q, namespace %q", ca, ns)
	}
	info, _ := os.Stat(filepath.Join(dir, "token"))
	stat := info.Sys().(*syscall.Stat_t)
	if stat.Uid != 1234 || stat.Gid != 5678 || info.Mode().Perm() != 0o640 {
		t.Errorf("token belongs to %d:%d with mode %v", stat.Uid, stat.Gid, info.Mode())
	}
	w.setup(pod)
	w.clock.Step(47 * time.Minute)
	if w.tokens != 1 {
		t.Fatalf("%d tokens were requested before one was due", w.tokens)
	}
	w.clock.Step(2 * time.Minute)
	w.awaitRefresh(pod, func() bool { return read(t, dir, "token") == "b token of default for uid-1" })
}

func TestDownwardAPI(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	file := func(path string) corev1.DownwardAPIVolumeFile {
		return corev1.DownwardAPIVolumeFile{Path: filepath.Base(path), FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	size := func(name, what, unit string) corev1.DownwardAPIVolumeFile {
		return corev1.DownwardAPIVolumeFile{Path: name, ResourceFieldRef: &corev1.ResourceFieldSelector{ContainerName: "main", Resource: what, Divisor: resource.MustParse(unit)}}
	}
	pod := podWith(corev1.Volume{Name: "info", VolumeSource: corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
		file("metadata.labels"), file("metadata.name"), size("cpu", "limits.cpu", "1m"), size("cores", "limits.cpu", "1"), size("memory", "requests.memory", "1Mi"), size("node", "limits.memory", "1Gi")}}}})
	pod.Spec.Containers[0].Resources = corev1.ResourceRequirements{
		Limits:   corev1.ResourceList{"cpu": resource.MustParse("1250m")},
		Requests: corev1.ResourceList{"memory": resource.MustParse("33554433")},
	}
	w.Allocatable = func() corev1.ResourceList { return corev1.ResourceList{"memory": resource.MustParse("8Gi")} }
	dir := w.setup(pod)["info"].HostPath
	got := map[string]string{}
	want := map[string]string{"metadata.labels": "a=\"1 \\\"x\\\"\"\nb=\"2\"", "metadata.name": "web", "cpu": "1250", "cores": "2", "memory": "33", "node": "8"}
	for name := range want {
		got[name] = read(t, dir, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	pod.Labels = map[string]string{"c": "3"}
	if err := w.Refresh(context.Background(), pod); err != nil {
		t.Fatal(err)
	}
	if got := read(t, dir, "metadata.labels"); got != `c="3"` {
		t.Errorf("labels after the change: %q", got)
	}
}

func TestEmptyDir(t *testing.T) {
	needRoot(t)
	w := newWorld(t)
	pod := podWith(emptyDirSource("disk", corev1.EmptyDirVolumeSource{}),
		emptyDirSource("ram", corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory, SizeLimit: ptr(resource.MustParse("1Mi"))}))
	mounts := w.setup(pod)
	if got := mode(t, mounts["disk"].HostPath); got != os.ModeDir|0o777 {
		t.Errorf("mode is %v", got)
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(mounts["ram"].HostPath, &fs); err != nil || fs.Type != 0x01021994 || int64(fs.Blocks)*fs.Bsize != 1<<20 {
		t.Errorf("memory volume has type %x and %d bytes (%v)", fs.Type, int64(fs.Blocks)*fs.Bsize, err)
	}
	kept := filepath.Join(mounts["ram"].HostPath, "kept")
	if err := os.WriteFile(kept, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(mounts["disk"].HostPath, 0o700); err != nil {
		t.Fatal(err)
	}
	w.setup(pod) // as after a restart of the kubelet
	if got := mode(t, mounts["disk"].HostPath); got != os.ModeDir|0o700 {
		t.Errorf("setting up again made the mode %v", got)
	}
	if _, err := os.Stat(kept); err != nil {
		t.Errorf("setting up again lost a file: %v", err)
	}
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{FSGroup: ptr(int64(5678))}
	pod.UID = "uid-2"
	info, _ := os.Stat(w.setup(pod)["disk"].HostPath)
	if info.Sys().(*syscall.Stat_t).Gid != 5678 || info.Mode() != os.ModeDir|os.ModeSetgid|0o777 {
		t.Errorf("with fsGroup: group %d, mode %v", info.Sys().(*syscall.Stat_t).Gid, info.Mode())
	}
}

func TestHostPathTypes(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		path string
		kind corev1.HostPathType
		want string
	}{
		{dir, corev1.HostPathDirectory, ""},
		{file, corev1.HostPathDirectory, "hostPath type check failed: " + file + " is not a directory"},
		{file, corev1.HostPathFile, ""},
		{dir + "/none", corev1.HostPathFile, "hostPath type check failed: " + dir + "/none is not a file"},
		{dir + "/new/dir", corev1.HostPathDirectoryOrCreate, ""},
		{dir + "/new/file", corev1.HostPathFileOrCreate, ""},
		{dir, corev1.HostPathSocket, "hostPath type check failed: " + dir + " is not a socket file"},
		{"/dev/null", corev1.HostPathCharDev, ""},
		{"/dev/null", corev1.HostPathBlockDev, "hostPath type check failed: /dev/null is not a block device"},
	}
	for _, c := range cases {
		mount, err := hostPath(&corev1.HostPathVolumeSource{Path: c.path, Type: &c.kind})
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != c.want || mount.HostPath != c.path {
			t.Errorf("%s as %s: error %q, want %q", c.path, c.kind, got, c.want)
		}
	}
}

func TestLocalPersistentVolume(t *testing.T) {
	dir := t.TempDir()
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "data", UID: "claim"}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: "pv"}}
	pv := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "pv"}, Spec: corev1.PersistentVolumeSpec{
		ClaimRef: &corev1.ObjectReference{UID: "claim"}, PersistentVolumeSource: corev1.PersistentVolumeSource{Local: &corev1.LocalVolumeSource{Path: dir}}}}
	w := newWorld(t, claim, pv)
	pod := podWith(corev1.Volume{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data", ReadOnly: true}}})
	if _, err := w.Setup(context.Background(), pod); err == nil || !strings.Contains(err.Error(), "error processing PVC ns/data: PVC is not bound") {
		t.Errorf("unbound claim: %v", err)
	}
	claim.Status.Phase = corev1.ClaimBound
	if err := w.client.Status().Update(context.Background(), claim); err != nil {
		t.Fatal(err)
	}
	if got := w.setup(pod)["v"]; got != (Mount{HostPath: dir, ReadOnly: true, Claim: "data"}) {
		t.Errorf("mount is %+v", got)
	}
}
