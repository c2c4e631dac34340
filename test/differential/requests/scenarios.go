package requests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"sigs.k8s.io/yaml"
)

// step is a request as scenarios write it: one of the verbs has the path.
type step struct {
	Name   string            `json:"name,omitempty"`
	Get    string            `json:"get,omitempty"`
	Post   string            `json:"post,omitempty"`
	Put    string            `json:"put,omitempty"`
	Delete string            `json:"delete,omitempty"`
	Patch  string            `json:"patch,omitempty"`
	Watch  string            `json:"watch,omitempty"`
	Other  string            `json:"other,omitempty"` // METHOD PATH
	Type   string            `json:"type,omitempty"`  // of a patch, or of any body
	Accept string            `json:"accept,omitempty"`
	Header map[string]string `json:"header,omitempty"`
	Body   json.RawMessage   `json:"body,omitempty"` // a string is sent as it is
	CBOR   json.RawMessage   `json:"cbor,omitempty"` // a body that is sent in CBOR
	As     string            `json:"as,omitempty"`
	Save   string            `json:"save,omitempty"`
	Events int               `json:"events,omitempty"`
	During []step            `json:"during,omitempty"`
	Each   []string          `json:"each,omitempty"` // the step once for each value of {}
}

// readScenarios reads the scenarios of a folder, in the order of their names.
func readScenarios(dir string) ([]Request, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var all []Request
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var steps []step
		if err := yaml.UnmarshalStrict(data, &steps); err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		area := strings.TrimSuffix(filepath.Base(file), ".yaml")
		all = append(all, requestsOf(area, steps)...)
	}
	return all, nil
}

func requestsOf(area string, steps []step) []Request {
	var all []Request
	for i, s := range steps {
		if s.Name == "" {
			s.Name = fmt.Sprint(i + 1)
		}
		if len(s.Each) == 0 {
			all = append(all, s.request(area))
			continue
		}
		for _, value := range s.Each {
			one := s
			one.Other = strings.ReplaceAll(s.Other, "{}", value)
			each := one.request(area)
			each.Name += " " + value
			each.Path = strings.ReplaceAll(each.Path, "{}", value)
			quoted, _ := json.Marshal(value)
			each.Body = strings.ReplaceAll(strings.ReplaceAll(each.Body, `"{}"`, string(quoted)), "{}", value)
			header := map[string]string{}
			for key, v := range each.Header {
				header[key] = strings.ReplaceAll(v, "{}", value)
			}
			each.Header = header
			all = append(all, each)
		}
	}
	return all
}

// inCBOR is JSON in CBOR, as clients send it.
func inCBOR(data []byte) string {
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err.Error() // what cannot be encoded is a bad body, which is welcome
	}
	encoded, err := direct.Marshal(whole(value))
	if err != nil {
		return err.Error()
	}
	return string(encoded)
}

// whole has whole numbers as such, which JSON does not tell from others.
func whole(value any) any {
	switch v := value.(type) {
	case float64:
		if v == float64(int64(v)) {
			return int64(v)
		}
	case map[string]any:
		for key, inner := range v {
			v[key] = whole(inner)
		}
	case []any:
		for i, inner := range v {
			v[i] = whole(inner)
		}
	}
	return value
}

func (s *step) request(area string) Request {
	r := Request{Area: area, Name: s.Name, Header: map[string]string{}, As: s.As, Save: s.Save, Events: s.Events, During: requestsOf(area, s.During)}
	for method, path := range map[string]string{
		http.MethodGet: s.Get, http.MethodPost: s.Post, http.MethodPut: s.Put, http.MethodDelete: s.Delete, http.MethodPatch: s.Patch,
	} {
		if path != "" {
			r.Method, r.Path = method, path
		}
	}
	if s.Watch != "" {
		r.Method, r.Path = http.MethodGet, s.Watch
		r.Events = max(1, r.Events)
	}
	if s.Other != "" {
		r.Method, r.Path, _ = strings.Cut(s.Other, " ")
	}
	if len(s.Body) > 0 {
		r.Body, r.Header["Content-Type"] = string(s.Body), JSON
		var text string
		if json.Unmarshal(s.Body, &text) == nil {
			r.Body = text
		}
	}
	if len(s.CBOR) > 0 {
		r.Body, r.Header["Content-Type"] = inCBOR(s.CBOR), CBOR
	}
	if s.Type != "" {
		r.Header["Content-Type"] = s.Type
		if media := patches[s.Type]; media != "" {
			r.Header["Content-Type"] = media
		}
	}
	if s.Accept != "" {
		r.Header["Accept"] = s.Accept
	}
	for key, value := range s.Header {
		r.Header[key] = value
	}
	return r
}
