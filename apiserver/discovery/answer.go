package discovery

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// Answer is one document, not yet encoded.
type Answer struct {
	object     runtime.Object
	accepted   codec.Accepted
	aggregated bool
	code       int
}

// notAcceptable refuses a media type: some documents are refused in the words of a router, the others in those of an encoder.
func notAcceptable(supported []string, routed bool) *Answer {
	err := refusal.NotAcceptableText("only the following media types are accepted: " + strings.Join(supported, ", "))
	if routed {
		err = refusal.NotAcceptable(supported)
	}
	status := refusal.Status(err)
	status.TypeMeta = typeMeta("Status")
	return &Answer{code: http.StatusNotAcceptable, object: status}
}

// Write sends the answer; a client that has it already is told so.
func (a *Answer) Write(w http.ResponseWriter, r *http.Request, pretty bool) {
	media := a.accepted.Media
	contentType := media.String()
	if a.aggregated {
		contentType += ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
	}
	data, err := codec.Encode(a.object, media)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", contentType)
	if a.aggregated {
		header.Add("Vary", "Accept")
		etag, err := a.tag(media, data)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		header.Set("Etag", etag)
		header.Set("Cache-Control", "public")
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	if pretty && media == codec.JSON {
		data = codec.Indent(data)
	}
	header.Set("Content-Length", strconv.Itoa(len(data)))
	if a.code == 0 {
		a.code = http.StatusOK
	}
	w.WriteHeader(a.code)
	_, _ = w.Write(data) // a client that is gone misses nothing
}

// tag names what a document says, and is the same in all its forms. data is the one that is sent.
func (a *Answer) tag(media codec.Media, data []byte) (string, error) {
	if media != codec.JSON {
		var err error
		if data, err = codec.Encode(a.object, codec.JSON); err != nil {
			return "", err
		}
	}
	sum := sha512.Sum512(data)
	return `"` + strings.ToUpper(hex.EncodeToString(sum[:])) + `"`, nil
}

// storageHash names the stored form of a resource, so that clients see when it changes.
func storageHash(row *resource.Resource) string {
	if row.StoredIn != nil {
		row = row.StoredIn
	}
	version := row.StoredAPIVersion
	if version == "" {
		version = row.Group + "/" + row.Storage().Name
	}
	sum := sha256.Sum256([]byte(version + "/" + row.Kind))
	return base64.StdEncoding.EncodeToString(sum[:8])
}
