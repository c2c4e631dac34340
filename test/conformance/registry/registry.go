package registry

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"strings"
	"time"
)

// Archive is an http.Handler for the images of an OCI archive, by the names without their host.
type Archive struct {
	file  *os.File
	blobs map[string]section // by digest
	tags  map[string]entry   // by name:tag
	kinds map[string]string  // media types of manifests by digest
}

// section is where a blob lies in the file.
type section struct{ offset, size int64 }

// entry is a descriptor of the archive's index.
type entry struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Annotations map[string]string `json:"annotations"`
}

// Open reads an archive's table of contents. The archive must not change until Close.
func Open(name string) (*Archive, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	a := &Archive{file: file, blobs: map[string]section{}, tags: map[string]entry{}, kinds: map[string]string{}}
	if err := a.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("reading %s: %w", name, err), file.Close())
	}
	return a, nil
}

// Close closes the archive.
func (a *Archive) Close() error { return a.file.Close() }

func (a *Archive) read() error {
	files := tar.NewReader(a.file)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if header.Name == "index.json" {
			if err := a.index(files); err != nil {
				return err
			}
		}
		if dir, hex := path.Split(header.Name); dir == "blobs/sha256/" && hex != "" {
			offset, err := a.file.Seek(0, io.SeekCurrent)
			if err != nil {
				return err
			}
			a.blobs["sha256:"+hex] = section{offset, header.Size}
		}
	}
}

func (a *Archive) index(from io.Reader) error {
	var index struct{ Manifests []entry }
	if err := json.NewDecoder(from).Decode(&index); err != nil {
		return fmt.Errorf("reading the index: %w", err)
	}
	for _, each := range index.Manifests {
		a.kinds[each.Digest] = each.MediaType
		if _, name, named := strings.Cut(each.Annotations["org.opencontainers.image.ref.name"], "/"); named {
			a.tags[name] = each
		}
	}
	return nil
}

// ServeHTTP answers /v2/, /v2/NAME/manifests/TAG or DIGEST and /v2/NAME/blobs/DIGEST.
func (a *Archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest := strings.TrimPrefix(r.URL.Path, "/v2/")
	if rest == "" {
		return
	}
	if name, reference, ok := strings.Cut(rest, "/manifests/"); ok {
		a.serveManifest(w, r, name, reference)
	} else if _, digest, ok := strings.Cut(rest, "/blobs/"); ok {
		a.serveBlob(w, r, digest)
	} else {
		http.NotFound(w, r)
	}
}

func (a *Archive) serveManifest(w http.ResponseWriter, r *http.Request, name, reference string) {
	digest := reference
	if found, known := a.tags[name+":"+reference]; known {
		digest = found.Digest
	}
	kind, known := a.kinds[digest]
	if !known {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}`)
		return
	}
	w.Header().Set("Content-Type", kind)
	a.serveBlob(w, r, digest)
}

func (a *Archive) serveBlob(w http.ResponseWriter, r *http.Request, digest string) {
	blob, known := a.blobs[digest]
	if !known {
		http.NotFound(w, r)
		return
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/octet-stream")
	}
	w.Header().Set("Docker-Content-Digest", digest)
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(a.file, blob.offset, blob.size))
}
