package cluster

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/state"
)

// controlPlaneOn runs a control plane on a data folder until the function that it returns is called.
func controlPlaneOn(t *testing.T, dir string, change ...func(*Options)) (client.Client, func()) {
	t.Helper()
	options := alone(dir)
	for _, f := range change {
		f(&options)
	}
	running, c := started(t, options)
	return c, func() {
		if err := running.Stop(); err != nil {
			t.Error(err)
		}
	}
}

func TestSnapshotBringsBackWhatWas(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	kept := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "kept"}}
	later := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "later"}}
	all := state.Snapshots{DataDir: dir, NodeName: "n"}

	c, stop := controlPlaneOn(t, dir)
	if err := c.Create(ctx, kept); err != nil {
		t.Fatal(err)
	}
	taken, err := all.Save(ctx, "", time.Unix(7, 0))
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "snapshots", "etcd-snapshot-n-7"); taken.Path != want || taken.Revision == 0 || taken.Keys == 0 {
		t.Errorf("taken %+v, want it in %s", taken, want)
	}
	if err := c.Delete(ctx, kept.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	if err := c.Create(ctx, later); err != nil {
		t.Fatal(err)
	}
	if _, err := all.Restore(ctx, taken.Path, time.Unix(8, 0)); err == nil || !strings.Contains(err.Error(), "another server uses "+dir) {
		t.Errorf("restoring under a running server: %v", err)
	}
	stop()

	old, err := all.Restore(ctx, filepath.Base(taken.Path), time.Unix(8, 0)) // as it is listed
	if err != nil || old != filepath.Join(dir, "etcd.19700101-000008") {
		t.Fatalf("restored, the old state is in %q: %v", old, err)
	}
	c, stop = controlPlaneOn(t, dir)
	defer stop()
	found := &corev1.ConfigMap{}
	if err := c.Get(ctx, client.ObjectKeyFromObject(kept), found); err != nil || found.UID != kept.UID {
		t.Errorf("what was there at the snapshot: %v", err)
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(later), found); !apierrors.IsNotFound(err) {
		t.Errorf("what came later: %v", err)
	}
	if err := c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "new"}}); err != nil {
		t.Error(err)
	}
	if list, err := all.List(ctx); err != nil || len(list) != 1 || list[0].Path != taken.Path {
		t.Errorf("listed %+v, %v", list, err)
	}
}

func TestSnapshotThatIsNone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("not a database"), 0o600); err != nil {
		t.Fatal(err)
	}
	all := state.Snapshots{DataDir: dir, NodeName: "n"}
	if _, err := all.Restore(context.Background(), file, time.Unix(8, 0)); err == nil {
		t.Error("it was restored")
	}
	if _, err := os.Stat(filepath.Join(dir, "etcd")); err == nil {
		t.Error("a state was made of it")
	}
}

// A secret is not readable in etcd, is served all the same, and what was there before is renewed by a write.
func TestSecretsAreEncryptedAtRest(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	configuration := filepath.Join(dir, "encryption.yaml")
	text := `{apiVersion: apiserver.config.k8s.io/v1, kind: EncryptionConfiguration, resources: [{resources: [secrets], providers: [
		{aesgcm: {keys: [{name: k, secret: MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI=}]}}, {identity: {}}]}]}`
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, stop := controlPlaneOn(t, dir)
	before := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "before"}, StringData: map[string]string{"password": "before-plain"}}
	if err := c.Create(ctx, before); err != nil {
		t.Fatal(err)
	}
	stop()

	c, stop = controlPlaneOn(t, dir, func(o *Options) { o.EncryptionProviderConfig = configuration })
	defer stop()
	after := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "after"}, StringData: map[string]string{"password": "after-plain"}}
	if err := c.Create(ctx, after); err != nil {
		t.Fatal(err)
	}
	found := &corev1.Secret{}
	for name, want := range map[string]string{"before": "before-plain", "after": "after-plain"} {
		if err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: name}, found); err != nil || string(found.Data["password"]) != want {
			t.Errorf("%s: %q, %v", name, found.Data["password"], err)
		}
	}
	if err := c.Get(ctx, client.ObjectKeyFromObject(before), found); err != nil {
		t.Fatal(err)
	}
	revision := found.ResourceVersion
	if err := c.Update(ctx, found); err != nil || found.ResourceVersion == revision {
		t.Errorf("a write that changes nothing left revision %s at %s: %v", revision, found.ResourceVersion, err)
	}
	revision = found.ResourceVersion
	if err := c.Update(ctx, found); err != nil || found.ResourceVersion != revision {
		t.Errorf("another one moved revision %s to %s: %v", revision, found.ResourceVersion, err)
	}
	taken, err := (&state.Snapshots{DataDir: dir, NodeName: "n"}).Save(ctx, "", time.Unix(7, 0))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(taken.Path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), "after-plain") {
		t.Error("a secret is readable in etcd")
	}
}
