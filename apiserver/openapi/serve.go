package openapi

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	openapiv3 "github.com/google/gnostic-models/openapiv3"
	"google.golang.org/protobuf/proto"
)

const (
	mediaJSON  = "application/json"
	protobufV2 = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
	protobufV3 = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf"
	// keepFor is how long a document is kept that nobody asks for.
	keepFor = time.Minute
)

// dump is a document as it is sent, compressed.
type dump struct {
	etag   string
	packed []byte
}

// ServeHTTP implements http.Handler.
func (d *Documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch p := strings.TrimSuffix(r.URL.Path, "/"); {
	case p == "/openapi/v3":
		d.serveIndex(w)
	case p == "/openapi/v2":
		d.serveV2(w, r)
	case strings.HasPrefix(p, "/openapi/v3/"):
		d.serveV3(w, r, strings.TrimPrefix(p, "/openapi/v3/"))
	default:
		http.Error(w, "404 page not found", http.StatusNotFound)
	}
}

// serveIndex lists the documents of v3. Their addresses carry hashes, so that clients keep what has not changed.
func (d *Documents) serveIndex(w http.ResponseWriter) {
	type location struct {
		URL string `json:"serverRelativeURL"`
	}
	d.mu.Lock()
	hashes, _ := d.hashes()
	d.mu.Unlock()
	index := struct {
		Paths map[string]location `json:"paths"`
	}{Paths: map[string]location{}}
	for name, hash := range hashes {
		index.Paths[name] = location{URL: "/openapi/v3/" + name + "?hash=" + hash}
	}
	data, err := json.Marshal(index)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8") // it is JSON, but this is what upstream says
	_, _ = w.Write(data)                                        // the client is gone
}

func (d *Documents) serveV2(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Accept")
	d.mu.Lock()
	_, hash := d.hashes()
	d.mu.Unlock()
	d.serve(w, r, "", hash, protobufV2)
}

func (d *Documents) serveV3(w http.ResponseWriter, r *http.Request, name string) {
	d.mu.Lock()
	hashes, _ := d.hashes()
	d.mu.Unlock()
	hash, found := hashes[name]
	if !found {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Header().Add("Vary", "Accept")
	if asked := r.URL.Query().Get("hash"); asked != "" && asked != hash {
		w.Header().Set("Etag", `"`+hash+`"`)
		http.Redirect(w, r, "/openapi/v3/"+name+"?hash="+hash, http.StatusMovedPermanently)
		return
	} else if asked != "" {
		w.Header().Set("Cache-Control", "public, immutable")
		w.Header().Set("Expires", d.clock.Now().AddDate(1, 0, 0).Format(time.RFC1123))
	}
	d.serve(w, r, name, hash, protobufV3)
}

// serve sends a document in JSON or in the protobuf media type.
func (d *Documents) serve(w http.ResponseWriter, r *http.Request, name, hash, protobuf string) {
	media, ok := negotiate(r.Header.Get("Accept"), protobuf)
	if !ok {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	w.Header().Add("Vary", "Accept-Encoding")
	w.Header().Set("Etag", `"`+hash+`"`)
	if strings.Contains(r.Header.Get("If-None-Match"), `"`+hash+`"`) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	document, err := d.get(r.Context(), name, hash, media)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", media)
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(document.packed) // the client is gone
		return
	}
	plain, err := gzip.NewReader(bytes.NewReader(document.packed))
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_, _ = io.Copy(w, plain) // the client is gone
}

// get returns a document that was made of late, or makes it.
func (d *Documents) get(ctx context.Context, name, hash, media string) (*dump, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.timer != nil {
		d.timer.Stop()
	}
	d.timer = d.clock.AfterFunc(keepFor, d.forget)
	key := media + " " + name
	if known := d.dumps[key]; known != nil && known.etag == hash {
		return known, nil
	}
	data, err := d.build(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("describing API: %w", err)
	}
	if data, err = convert(data, media); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	packer := gzip.NewWriter(&out)
	if _, err := packer.Write(data); err != nil {
		return nil, fmt.Errorf("compressing document: %w", err)
	}
	if err := packer.Close(); err != nil {
		return nil, fmt.Errorf("compressing document: %w", err)
	}
	d.dumps[key] = &dump{etag: hash, packed: bytes.Clone(out.Bytes())}
	return d.dumps[key], nil
}

// forget drops the documents that were made.
func (d *Documents) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.dumps)
}

func convert(data []byte, media string) ([]byte, error) {
	var message proto.Message
	var err error
	switch media {
	case protobufV2:
		message, err = openapiv2.ParseDocument(data)
	case protobufV3:
		message, err = openapiv3.ParseDocument(data)
	default:
		return data, nil
	}
	if err != nil {
		return nil, fmt.Errorf("converting document: %w", err)
	}
	if data, err = proto.Marshal(message); err != nil {
		return nil, fmt.Errorf("converting document: %w", err)
	}
	return data, nil
}

// negotiate picks the first media type of an Accept header that can be served; clients also write an @ for the dot before
// the version of the protobuf type.
func negotiate(accept, protobuf string) (string, bool) {
	if accept == "" {
		return mediaJSON, true
	}
	for clause := range strings.SplitSeq(accept, ",") {
		media, _, _ := strings.Cut(clause, ";")
		switch media = strings.ReplaceAll(strings.TrimSpace(media), "@v1.0", ".v1.0"); media {
		case "*/*", "application/*", mediaJSON:
			return mediaJSON, true
		case protobuf:
			return protobuf, true
		}
	}
	return "", false
}
