package requests

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Media types of bodies and answers.
const (
	JSON     = "application/json"
	YAML     = "application/yaml"
	CBOR     = "application/cbor"
	Protobuf = "application/vnd.kubernetes.protobuf"
)

// Request is sent to both servers. In Path, Header and Body, ${NAME.FIELD} stands for what that server answered to the request
// that was saved under that name: uid, resourceVersion, continue or name.
type Request struct {
	// Area is what the page counts it under, as in "create pods"; Name tells it from others there.
	Area, Name string
	Method     string
	Path       string
	Header     map[string]string
	Body       string
	// As is who asks: "" for the administrator, "anonymous", or the name of a user who may do nothing by impersonation.
	As string
	// Save keeps the answer's metadata for later requests.
	Save string
	// Events makes it a watch that is read until there were so many; During is sent while it is open.
	Events int
	During []Request
}

// ID names a request in reports.
func (r *Request) ID() string { return r.Area + ": " + r.Name }

// patches are the media types of patches by their short names.
var patches = map[string]string{
	"json": "application/json-patch+json", "merge": "application/merge-patch+json",
	"strategic": "application/strategic-merge-patch+json", "apply": "application/apply-patch+yaml",
	"apply in CBOR": "application/apply-patch+cbor",
}

// get is a request for a path in one form.
func get(area, name, path, accept string) Request {
	r := Request{Area: area, Name: name, Method: http.MethodGet, Path: path}
	if accept != "" {
		r.Header = map[string]string{"Accept": accept}
	}
	return r
}

// send is a request with an object as its body.
func send(area, name, method, path string, body any) Request {
	data, err := json.Marshal(body)
	if err != nil {
		data = []byte(err.Error()) // what cannot be encoded is a bad body, which is welcome
	}
	return Request{Area: area, Name: name, Method: method, Path: path, Body: string(data), Header: map[string]string{"Content-Type": JSON}}
}

// with adds parameters to a path.
func with(path, query string) string {
	if strings.Contains(path, "?") {
		return path + "&" + query
	}
	return path + "?" + query
}
