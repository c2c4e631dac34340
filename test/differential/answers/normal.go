package answers

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"
)

// Answer is what a server said.
type Answer struct {
	Code   int
	Header http.Header
	Body   []byte
	// Failed is why there is no answer.
	Failed string
}

// compared are the headers that are compared.
var compared = []string{"Content-Type", "Warning", "Cache-Control", "Retry-After", "Allow", "Location", "Www-Authenticate", "Vary",
	"X-Content-Type-Options", "Accept-Patch", "Connection", "Expires", "Pragma"}

var (
	uid        = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	instant    = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)`)
	address    = regexp.MustCompile(`\b10\.43\.\d+\.\d+\b`)
	host       = regexp.MustCompile(`\b10\.99\.\d+\.\d+\b`)
	generated  = regexp.MustCompile(`\b(gen-(?:[a-z0-9]*[-._/]|A)*)[bcdfghjklmnpqrstvwxz2456789]{5}\b`)
	revisions  = regexp.MustCompile(`(resource version:? |current: |ResourceVersion in record \(|ResourceVersion in object meta: )\d+( \(\d+\))?`)
	ages       = regexp.MustCompile(`^(\d+[dhms]){1,2}$`)
	prefixed   = regexp.MustCompile(`\b(Not Valid)[bcdfghjklmnpqrstvwxz2456789]{5}\b`)
	mapped     = regexp.MustCompile(`:3[0-2]\d{3}/(TCP|UDP)`)
	quoted     = regexp.MustCompile(`(odePort\\*":)3[0-2]\d{3}\b`)
	allocated  = regexp.MustCompile(`Duplicate value: 3[0-2]\d{3}\b`)
	revision   = regexp.MustCompile(`(resourceVersion\\*":\\*")\d+`)
	hash       = regexp.MustCompile(`hash=[0-9A-F]{128}`)
	mounted    = regexp.MustCompile(`kube-api-access-[a-z0-9]{5}\b`)
	credential = regexp.MustCompile(`X509SHA256=[0-9a-f]{64}`)
	stream     = regexp.MustCompile(`stream ID \d+`)
	selfType   = regexp.MustCompile(`\bselfType\d+`)
	token      = regexp.MustCompile(`\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+`)
)

// normal is an answer as it is compared: a tree of JSON.
func (a *Answer) normal() map[string]any {
	if a.Failed != "" {
		return map[string]any{"failed": a.Failed}
	}
	headers := map[string]any{}
	for _, name := range compared {
		if values := a.Header.Values(name); len(values) > 0 {
			headers[name] = text(strings.Join(values, " | "))
		}
	}
	out := map[string]any{"code": float64(a.Code), "headers": headers}
	if body := a.body(); body != nil {
		out["body"] = normalize("", body)
	}
	return out
}

// body is the body as a tree, or as text when it is neither JSON nor YAML nor protobuf.
func (a *Answer) body() any {
	if len(a.Body) == 0 {
		return nil
	}
	media, _, _ := strings.Cut(a.Header.Get("Content-Type"), ";")
	var out any
	switch media {
	case "application/json", "application/apply-patch+yaml", "application/com.github.proto-openapi.spec.v2.v1.0+json":
		if json.Unmarshal(a.Body, &out) == nil {
			return out
		}
		return frames(a.Body)
	case "text/plain":
		if json.Unmarshal(a.Body, &out) == nil {
			return out
		}
	case "application/cbor-seq": // the events of a watch that was read are JSON already
		if json.Unmarshal(a.Body, &out) == nil {
			return out
		}
	case "application/cbor":
		if data, err := fromCBOR(a.Body); err == nil && json.Unmarshal(data, &out) == nil {
			return out
		}
	case "application/yaml":
		if yaml.Unmarshal(a.Body, &out) == nil {
			return out
		}
	case "application/vnd.kubernetes.protobuf":
		object, _, err := protobuf.NewSerializer(scheme.Scheme, scheme.Scheme).Decode(a.Body, nil, nil)
		if err != nil {
			return err.Error()
		}
		if data, err := json.Marshal(object); err == nil && json.Unmarshal(data, &out) == nil {
			return out
		}
	}
	return string(a.Body)
}

// frames are the events of a watch.
func frames(body []byte) any {
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	all := []any{}
	for {
		var frame any
		if err := decoder.Decode(&frame); err != nil {
			if len(all) == 0 {
				return string(body)
			}
			return all
		}
		all = append(all, frame)
	}
}

// picked are fields whose values a server picks.
var picked = map[string]string{
	"resourceVersion": "<version>", "continue": "<token>", "token": "<token>", "serverAddress": "<address>",
	"authenticationToken": "<token>", "initialResourceVersion": "<version>",
}

func normalize(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, inner := range v {
			out[uid.ReplaceAllString(k, "<uid>")] = normalize(k, inner) // the owners of fields are keys with UIDs
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, inner := range v {
			out[i] = normalize(key, inner)
		}
		if key == "managedFields" {
			// Their order follows the second in which they were written.
			slices.SortStableFunc(out, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
		return out
	case string:
		if word, ok := picked[key]; ok && v != "" && v != "0" {
			return word
		}
		if key == "cells" && ages.MatchString(v) {
			return "<age>"
		}
		return text(v)
	case float64:
		if key == "nodePort" || key == "healthCheckNodePort" {
			return "<port>"
		}
		if key == "remainingItemCount" {
			return v
		}
	}
	return value
}

// text replaces what must differ within a string.
func text(s string) string {
	s = uid.ReplaceAllString(s, "<uid>")
	s = instant.ReplaceAllStringFunc(s, func(at string) string {
		if t, err := time.Parse(time.RFC3339Nano, at); err == nil && time.Since(t).Abs() < 26*time.Hour {
			return "<now>"
		}
		return at
	})
	s = address.ReplaceAllString(s, "<service address>")
	s = host.ReplaceAllString(s, "<host>")
	s = generated.ReplaceAllString(s, "${1}<random>")
	s = prefixed.ReplaceAllString(s, "${1}<random>")
	s = mapped.ReplaceAllString(s, ":<port>/$1")
	s = allocated.ReplaceAllString(s, "Duplicate value: <port>")
	s = quoted.ReplaceAllString(s, "${1}<port>")
	if strings.Contains(s, "\n") { // differences of objects are spaced at random
		s = strings.Join(strings.Fields(s), " ")
	}
	s = revision.ReplaceAllString(s, "${1}<version>")
	s = hash.ReplaceAllString(s, "hash=<hash>")
	s = mounted.ReplaceAllString(s, "kube-api-access-<random>")
	s = credential.ReplaceAllString(s, "<credential>")
	s = strings.ReplaceAll(s, "kubernetes-admin", "admin") // whom the two kubeconfigs name
	s = stream.ReplaceAllString(s, "stream ID <number>")
	s = selfType.ReplaceAllString(s, "selfType<number>") // by which rules are compiled
	s = token.ReplaceAllString(s, "<token>")
	return revisions.ReplaceAllString(s, "${1}<version>")
}
