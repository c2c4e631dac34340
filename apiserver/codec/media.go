package codec

import (
	"iter"
	"mime"
	"slices"
	"strconv"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Media is a media type that objects travel in.
type Media int

// The media types.
const (
	JSON Media = iota
	YAML
	Protobuf
	CBOR
)

const (
	typeJSON     = "application/json"
	typeYAML     = "application/yaml"
	typeProtobuf = "application/vnd.kubernetes.protobuf"
)

// String returns the content type.
func (m Media) String() string {
	return [...]string{typeJSON, typeYAML, typeProtobuf, typeCBOR}[m]
}

// Supported lists the content types, for messages that refuse another.
func Supported() []string { return []string{typeJSON, typeYAML, typeProtobuf} }

// SupportedText lists those that need no generated code: what kinds without a Go type travel in.
func SupportedText() []string { return []string{typeJSON, typeYAML} }

// ParseMedia reads a Content-Type; an empty one is JSON.
func ParseMedia(contentType string) (Media, bool) {
	if contentType == "" {
		return JSON, true
	}
	if media, ok := mediaNamed(contentType); ok { // nearly always
		return media, true
	}
	name, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return 0, false
	}
	return mediaNamed(name)
}

func mediaNamed(name string) (Media, bool) {
	switch name {
	case typeJSON:
		return JSON, true
	case typeYAML:
		return YAML, true
	case typeProtobuf:
		return Protobuf, true
	}
	return 0, false
}

// Accepted is what a client wants to be answered with.
type Accepted struct {
	Media Media
	// As names another kind to show objects as (Table, PartialObjectMetadata, PartialObjectMetadataList) of
	// meta.k8s.io in version AsVersion, or is empty. Group is the asked group, which discovery uses.
	As, AsVersion, AsGroup string
	// Stream is "watch" where the client asked for the frames of a watch by its Accept header.
	Stream string
	Pretty bool
	// Profile is "nopeer" where discovery is not to be merged.
	Profile string
}

// InMeta says whether another kind is asked for that there is in meta.k8s.io, in a form that it has.
func (a *Accepted) InMeta() bool {
	if a.AsGroup != metav1.GroupName || a.AsVersion != "v1" && a.AsVersion != "v1beta1" {
		return false
	}
	switch a.As {
	case "Table":
		return a.Media != Protobuf && a.Media != CBOR
	case "PartialObjectMetadata", "PartialObjectMetadataList":
		return true
	}
	return false
}

// Negotiate chooses among the clauses of an Accept header the first, by quality, that allow accepts. A nil
// allow accepts whatever has a known media type and asks for no other kind.
func Negotiate(header string, allow func(Accepted) bool) (Accepted, bool) {
	return negotiate(header, allow, false)
}

func negotiate(header string, allow func(Accepted) bool, withCBOR bool) (Accepted, bool) {
	if header == "" || header == "*/*" {
		return Accepted{}, true
	}
	if allow == nil {
		allow = func(a Accepted) bool { return a.As == "" }
	}
	if media, ok := plain(header, allow); ok {
		return Accepted{Media: media}, true
	}
	for _, clause := range clauses(header) {
		accepted, ok := clause.accepted(withCBOR)
		if ok && allow(accepted) {
			return accepted, true
		}
	}
	return Accepted{}, false
}

// plain chooses where a header names, without parameters, what is known: as most do.
func plain(header string, allow func(Accepted) bool) (Media, bool) {
	if strings.Contains(header, ";") {
		return 0, false
	}
	for part := range strings.SplitSeq(header, ",") {
		media, known := mediaNamed(strings.TrimSpace(part))
		if !known {
			return 0, false
		}
		if allow(Accepted{Media: media}) {
			return media, true
		}
	}
	return 0, false
}

type clause struct {
	name    string
	params  map[string]string
	quality float64
}

// Forms are the media types that an Accept header names, with their parameters, the best first.
func Forms(header string) iter.Seq2[string, map[string]string] {
	return func(yield func(string, map[string]string) bool) {
		for _, c := range clauses(header) {
			if c.quality > 0 && !yield(c.name, c.params) {
				return
			}
		}
	}
}

// loosely reads a clause that is not quite as it should be: parameters without a value are none.
func loosely(part string) (name string, params map[string]string) {
	name, rest, _ := strings.Cut(part, ";")
	params = map[string]string{}
	for param := range strings.SplitSeq(rest, ";") {
		if key, value, ok := strings.Cut(strings.TrimSpace(param), "="); ok {
			params[key] = value
		}
	}
	return strings.TrimSpace(name), params
}

func clauses(header string) []clause {
	var all []clause
	for _, part := range strings.Split(header, ",") {
		name, params, err := mime.ParseMediaType(strings.TrimSpace(part))
		if err != nil {
			if name, params = loosely(part); name == "" {
				continue
			}
		}
		c := clause{name: name, params: params, quality: 1}
		if q, err := strconv.ParseFloat(params["q"], 64); err == nil {
			c.quality = q
		}
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b clause) int {
		switch {
		case a.quality > b.quality:
			return -1
		case a.quality < b.quality:
			return 1
		}
		return 0
	})
	return all
}

func (c clause) accepted(withCBOR bool) (Accepted, bool) {
	a := Accepted{
		As: c.params["as"], AsVersion: c.params["v"], AsGroup: c.params["g"], Stream: c.params["stream"],
		Profile: c.params["profile"],
		Pretty:  c.params["pretty"] == "1" || c.params["pretty"] == "true",
	}
	if c.quality == 0 {
		return a, false
	}
	if c.name == "*/*" {
		return a, true
	}
	if withCBOR && c.name == typeCBOR {
		a.Media = CBOR
		return a, true
	}
	media, ok := mediaNamed(c.name)
	a.Media = media
	return a, ok
}
