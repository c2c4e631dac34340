package schemas

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// Split is the JSON of a definition taken apart.
type Split struct {
	// Rest is the definition with a schema in the place of each that has but an ID, which Fill looks for.
	Rest []byte
	// Spec is what stands behind "spec".
	Spec    []byte
	schemas [][]byte
}

// mark begins the IDs of schemas that stand for others. No JSON that can be read has it in a text that Take looks for.
const mark = "\x00schema "

// quotedMark is how JSON has a mark.
const quotedMark = `{"id":"\u0000schema `

// Take takes the JSON of a definition apart. It returns false for what it cannot make out. It does not look whether what it takes out is
// right: Fill does.
func Take(data []byte) (*Split, bool) {
	s := &Split{Rest: make([]byte, 0, 8<<10)} //nolint:mnd // a definition without its schemas
	done, ok := 0, true
	take := func(name string, visit func(value []byte, at int)) func(string, []byte, int) {
		return func(found string, value []byte, at int) {
			if found == name {
				visit(value, at)
			}
		}
	}
	version := func(value []byte, at int) {
		ok = ok && eachMember(value, at, take("schema", func(value []byte, at int) {
			ok = ok && eachMember(value, at, take("openAPIV3Schema", func(value []byte, at int) {
				if len(value) == 0 || value[0] != '{' {
					return
				}
				s.Rest = append(append(s.Rest, data[done:at]...), quotedMark...)
				s.Rest = append(strconv.AppendInt(s.Rest, int64(len(s.schemas)), 10), `"}`...)
				s.schemas = append(s.schemas, value)
				done = at + len(value)
			}))
		}))
	}
	ok = eachMember(data, 0, take("spec", func(value []byte, at int) {
		s.Spec = value
		ok = ok && eachMember(value, at, take("versions", func(value []byte, at int) { ok = ok && eachItem(value, at, version) }))
	})) && ok
	s.Rest = append(s.Rest, data[done:]...)
	return s, ok
}

// Fill puts the schemas back that stand for others. It returns false if one of them should be left to the library.
func (s *Split) Fill(d *apiextensionsv1.CustomResourceDefinition) bool {
	filled := 0
	for i := range d.Spec.Versions {
		given := d.Spec.Versions[i].Schema
		if given == nil || given.OpenAPIV3Schema == nil {
			continue
		}
		number, marked := strings.CutPrefix(given.OpenAPIV3Schema.ID, mark)
		if !marked {
			return false
		}
		at, err := strconv.Atoi(number)
		if err != nil || at < 0 || at >= len(s.schemas) {
			return false
		}
		if given.OpenAPIV3Schema = Read(s.schemas[at]); given.OpenAPIV3Schema == nil {
			return false
		}
		filled++
	}
	return filled == len(s.schemas)
}

// Encode writes a definition, with encode for all but its schemas.
func Encode(d *apiextensionsv1.CustomResourceDefinition, encode func(*apiextensionsv1.CustomResourceDefinition) ([]byte, error)) ([]byte, error) {
	bare, marked := *d, 0
	bare.Spec.Versions = make([]apiextensionsv1.CustomResourceDefinitionVersion, len(d.Spec.Versions))
	for i := range d.Spec.Versions {
		bare.Spec.Versions[i] = d.Spec.Versions[i]
		if given := d.Spec.Versions[i].Schema; given != nil && given.OpenAPIV3Schema != nil {
			bare.Spec.Versions[i].Schema = &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &props{ID: mark + strconv.Itoa(i)}}
			marked++
		}
	}
	if len(d.Spec.Versions) == 0 {
		bare.Spec.Versions = d.Spec.Versions
	}
	rest, err := encode(&bare)
	if err != nil || bytes.Count(rest, []byte(quotedMark)) != marked {
		return encode(d) // or somebody has a mark in an annotation
	}
	out := make([]byte, 0, len(rest)+sizeOf(d))
	for {
		before, after, found := bytes.Cut(rest, []byte(quotedMark))
		if !found {
			return append(out, rest...), nil
		}
		number, after, _ := bytes.Cut(after, []byte(`"}`))
		at, err := strconv.Atoi(string(number))
		if err != nil || at >= len(d.Spec.Versions) {
			return nil, fmt.Errorf("encoding definition %s: %w", d.Name, err)
		}
		if out, err = Append(append(out, before...), d.Spec.Versions[at].Schema.OpenAPIV3Schema); err != nil {
			return nil, err
		}
		rest = after
	}
}

// sizeOf schemas is how long their JSON will be, more or less: descriptions are most of it.
func sizeOf(d *apiextensionsv1.CustomResourceDefinition) int {
	size := 0
	for i := range d.Spec.Versions {
		if given := d.Spec.Versions[i].Schema; given != nil && given.OpenAPIV3Schema != nil {
			size += sizeBelow(given.OpenAPIV3Schema)
		}
	}
	return size
}

func sizeBelow(s *props) int {
	const bare = 64
	size := bare + len(s.Description) + len(s.Description)/bare
	for name := range s.Properties {
		each := s.Properties[name]
		size += len(name) + sizeBelow(&each)
	}
	if s.Items != nil && s.Items.Schema != nil {
		size += sizeBelow(s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		size += sizeBelow(s.AdditionalProperties.Schema)
	}
	return size
}

// eachMember calls visit with each name of the object that begins at the first place of data, and its value and where that is in the whole
// of which data is at a place. It returns false for what is no object, and for names with escapes.
func eachMember(data []byte, whole int, visit func(name string, value []byte, at int)) bool {
	return eachPart(data, '{', '}', func(at int) (int, bool) {
		end := skipText(data, at)
		if data[at] != '"' || end-1 <= at {
			return at, false
		}
		name := data[at+1 : end-1]
		at = skipSpace(data, end)
		if at >= len(data) || data[at] != ':' || bytes.IndexByte(name, '\\') >= 0 {
			return at, false
		}
		at = skipSpace(data, at+1)
		end = skipValue(data, at)
		if end > len(data) {
			return at, false
		}
		visit(string(name), data[at:end], whole+at)
		return end, true
	})
}

// eachItem is eachMember of lists.
func eachItem(data []byte, whole int, visit func(value []byte, at int)) bool {
	return eachPart(data, '[', ']', func(at int) (int, bool) {
		end := skipValue(data, at)
		if end > len(data) {
			return at, false
		}
		visit(data[at:end], whole+at)
		return end, end > at
	})
}

func eachPart(data []byte, open, closing byte, part func(at int) (int, bool)) bool {
	at := skipSpace(data, 0)
	if at >= len(data) || data[at] != open {
		return false
	}
	at = skipSpace(data, at+1)
	if at < len(data) && data[at] == closing {
		return true
	}
	for at < len(data) {
		end, ok := part(at)
		if !ok {
			return false
		}
		at = skipSpace(data, end)
		if at >= len(data) {
			return false
		}
		if data[at] == closing {
			return true
		}
		if data[at] != ',' {
			return false
		}
		at = skipSpace(data, at+1)
	}
	return false
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}
