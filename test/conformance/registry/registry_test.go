package registry

import (
	"archive/tar"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// archive writes an archive with one image of one blob.
func archive(t *testing.T) (file, manifest, blob string) {
	t.Helper()
	file = filepath.Join(t.TempDir(), "images.tar")
	out, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(out)
	add := func(name, content string) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	put := func(content string) string {
		digest := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
		add("blobs/sha256/"+digest, content)
		return "sha256:" + digest
	}
	blob = put("a layer")
	manifest = put(`{"layers":[]}`)
	add("index.json", fmt.Sprintf(`{"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,`+
		`"annotations":{"org.opencontainers.image.ref.name":"registry.k8s.io/e2e/x:1"}}]}`, manifest))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	return file, manifest, blob
}

func TestArchive(t *testing.T) {
	file, manifest, blob := archive(t)
	a, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	server := httptest.NewServer(a)
	defer server.Close()
	for _, c := range []struct {
		path string
		code int
		body string
	}{
		{"/v2/", 200, ""},
		{"/v2/e2e/x/manifests/1", 200, `{"layers":[]}`},
		{"/v2/e2e/x/manifests/" + manifest, 200, `{"layers":[]}`},
		{"/v2/e2e/x/blobs/" + blob, 200, "a layer"},
		{"/v2/e2e/x/manifests/2", 404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`},
		{"/v2/e2e/x/manifests/" + blob, 404, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`},
		{"/v2/e2e/x/blobs/sha256:00", 404, "404 page not found\n"},
	} {
		response, err := http.Get(server.URL + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		if err != nil || response.StatusCode != c.code || string(body) != c.body {
			t.Errorf("%s: %d %s %v", c.path, response.StatusCode, body, err)
		}
	}
}
