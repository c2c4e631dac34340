package schemas

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/codec/members"
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
	s := &Split{Rest: make([]byte, 0, 8<<10)} // a definition without its schemas
	done := 0
	within := func(wanted string, value func(at int) int) func(string, int) int {
		return func(name string, at int) int {
			if name == wanted {
				return value(at)
			}
			return members.SkipValue(data, at)
		}
	}
	schema := func(at int) int {
		end := members.SkipValue(data, at)
		if data[at] != '{' || end > len(data) {
			return -1
		}
		s.Rest = append(append(s.Rest, data[done:at]...), quotedMark...)
		s.Rest = append(strconv.AppendInt(s.Rest, int64(len(s.schemas)), 10), `"}`...)
		s.schemas = append(s.schemas, data[at:end])
		done = end
		return end
	}
	version := within("schema", func(at int) int { return eachMember(data, at, within("openAPIV3Schema", schema)) })
	versions := func(at int) int {
		return eachItem(data, at, func(at int) int { return eachMember(data, at, version) })
	}
	end := eachMember(data, 0, within("spec", func(at int) int {
		end := eachMember(data, at, within("versions", versions))
		if end >= 0 {
			s.Spec = data[at:end]
		}
		return end
	}))
	s.Rest = append(s.Rest, data[done:]...)
	return s, end >= 0
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
		if given.OpenAPIV3Schema = readSchema(s.schemas[at]); given.OpenAPIV3Schema == nil {
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
		if out, err = appendSchema(append(out, before...), d.Spec.Versions[at].Schema.OpenAPIV3Schema); err != nil {
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
			size += sizeBelow(*given.OpenAPIV3Schema)
		}
	}
	return size
}

func sizeBelow(s props) int {
	const bare = 64
	size := bare + len(s.Description) + len(s.Description)/bare
	for name := range s.Properties {
		size += len(name) + sizeBelow(s.Properties[name])
	}
	if s.Items != nil && s.Items.Schema != nil {
		size += sizeBelow(*s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		size += sizeBelow(*s.AdditionalProperties.Schema)
	}
	return size
}

// eachMember calls visit with each name of the object that begins at a place, and where its value begins; visit returns where that ends.
// What is returned is where the object ends; -1 for what is no object, for names with escapes, and for what visit says that of.
func eachMember(data []byte, at int, visit func(name string, at int) int) int {
	return eachPart(data, at, '{', '}', func(at int) int {
		end := members.SkipText(data, at)
		if data[at] != '"' || end-1 <= at {
			return -1
		}
		name := data[at+1 : end-1]
		at = members.SkipSpace(data, end)
		if at >= len(data) || data[at] != ':' || bytes.IndexByte(name, '\\') >= 0 {
			return -1
		}
		if at = members.SkipSpace(data, at+1); at >= len(data) {
			return -1
		}
		return visit(string(name), at)
	})
}

// eachItem is eachMember of lists.
func eachItem(data []byte, at int, visit func(at int) int) int {
	return eachPart(data, at, '[', ']', visit)
}

func eachPart(data []byte, at int, open, closing byte, part func(at int) int) int {
	at = members.SkipSpace(data, at)
	if at >= len(data) || data[at] != open {
		return -1
	}
	at = members.SkipSpace(data, at+1)
	if at < len(data) && data[at] == closing {
		return at + 1
	}
	for at < len(data) {
		end := part(at)
		if end <= at || end > len(data) {
			return -1
		}
		at = members.SkipSpace(data, end)
		if at >= len(data) {
			return -1
		}
		if data[at] == closing {
			return at + 1
		}
		if data[at] != ',' {
			return -1
		}
		at = members.SkipSpace(data, at+1)
	}
	return -1
}
