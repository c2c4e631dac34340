package schemas

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"unicode/utf8"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apiserver/codec/members"
)

// readSchema reads a schema from JSON. It returns nil for what should be left to the library.
func readSchema(data []byte) *apiextensionsv1.JSONSchemaProps {
	r := &reader{data: data, all: string(data), shape: shapeOf()}
	s := &props{}
	r.schema(s)
	r.space()
	if r.odd || r.at != len(data) {
		return nil
	}
	return s
}

// reader goes through JSON. Once something is odd it stays so, and what has been read is of no use.
type reader struct {
	data []byte
	// all is data once more, of which texts are parts: nearly all of it is.
	all   string
	at    int
	odd   bool
	depth int
	shape *shape
	// scratch has a schema for each map that is in another, to read into what the map then has a copy of.
	scratch []*props
	maps    int
}

// mostNested is how deep schemas may be in each other; deeper ones are the library's.
const mostNested = 500

func (r *reader) space() { r.at = members.SkipSpace(r.data, r.at) }

// next skips space and says whether a character follows, which is passed over then.
func (r *reader) next(c byte) bool {
	r.space()
	if r.at < len(r.data) && r.data[r.at] == c {
		r.at++
		return true
	}
	return false
}

func (r *reader) want(c byte) {
	if !r.next(c) {
		r.odd = true
	}
}

// each calls visit at the beginning of each item between two brackets.
func (r *reader) each(open, end byte, visit func()) {
	r.want(open)
	if r.odd || r.next(end) {
		return
	}
	for !r.odd {
		visit()
		if r.next(end) {
			return
		}
		r.want(',')
	}
}

// members calls visit with each name of an object, at its value.
func (r *reader) members(visit func(name string)) {
	r.each('{', '}', func() {
		r.space()
		name := r.text()
		if r.want(':'); !r.odd {
			visit(name)
		}
	})
}

func (r *reader) schema(s *props) {
	if r.depth++; r.depth > mostNested {
		r.odd = true
		return
	}
	fields := reflect.ValueOf(s).Elem()
	var seen uint64
	r.members(func(name string) {
		i, known := r.shape.index[name]
		if !known || seen&(1<<i) != 0 {
			r.odd = true
			return
		}
		seen |= 1 << i
		r.space()
		r.field(fields.Field(i).Addr().Interface())
	})
	r.depth--
}

// field reads the value of a member.
func (r *reader) field(into any) {
	switch into := into.(type) {
	case *string:
		*into = r.text()
	case *bool:
		*into = r.flag()
	case **int64:
		*into = r.whole()
	case **string:
		text := r.text()
		*into = &text
	case **bool:
		flag := r.flag()
		*into = &flag
	case *[]string:
		*into = []string{}
		r.each('[', ']', func() { r.space(); *into = append(*into, r.text()) })
	case *[]props:
		*into = r.list()
	case *map[string]props:
		*into = r.named()
	case **props:
		*into = &props{}
		r.schema(*into)
	case **apiextensionsv1.JSONSchemaPropsOrArray:
		*into = r.items()
	case **apiextensionsv1.JSONSchemaPropsOrBool:
		*into = r.additional()
	default:
		r.rare(into)
	}
}

func (r *reader) named() map[string]props {
	all := map[string]props{}
	if len(r.scratch) == r.maps {
		r.scratch = append(r.scratch, &props{})
	}
	s := r.scratch[r.maps]
	r.maps++
	r.members(func(name string) {
		*s = props{}
		r.schema(s)
		if _, twice := all[name]; twice {
			r.odd = true
		}
		all[name] = *s
	})
	r.maps--
	return all
}

func (r *reader) list() []props {
	list := []props{}
	r.each('[', ']', func() {
		list = append(list, props{})
		r.schema(&list[len(list)-1])
	})
	return list
}

func (r *reader) items() *apiextensionsv1.JSONSchemaPropsOrArray {
	if r.peek() == '[' {
		return &apiextensionsv1.JSONSchemaPropsOrArray{JSONSchemas: r.list()}
	}
	s := &props{}
	r.schema(s)
	return &apiextensionsv1.JSONSchemaPropsOrArray{Schema: s}
}

func (r *reader) additional() *apiextensionsv1.JSONSchemaPropsOrBool {
	if r.peek() != '{' {
		return &apiextensionsv1.JSONSchemaPropsOrBool{Allows: r.flag()}
	}
	s := &props{}
	r.schema(s)
	return &apiextensionsv1.JSONSchemaPropsOrBool{Allows: true, Schema: s}
}

func (r *reader) peek() byte {
	if r.at < len(r.data) {
		return r.data[r.at]
	}
	return 0
}

func (r *reader) flag() bool {
	rest := r.data[r.at:]
	switch {
	case bytes.HasPrefix(rest, []byte("true")):
		r.at += len("true")
		return true
	case bytes.HasPrefix(rest, []byte("false")):
		r.at += len("false")
		return false
	}
	r.odd = true
	return false
}

// whole reads a number without fraction and exponent.
func (r *reader) whole() *int64 {
	from := r.at
	if r.peek() == '-' {
		r.at++
	}
	digits := r.at
	for c := r.peek(); '0' <= c && c <= '9'; c = r.peek() {
		r.at++
	}
	n, err := strconv.ParseInt(string(r.data[from:r.at]), 10, 64)
	if c := r.peek(); err != nil || c == '.' || c == 'e' || c == 'E' || r.data[digits] == '0' && r.at > digits+1 {
		r.odd = true
	}
	return &n
}

// text reads a string.
func (r *reader) text() string {
	if r.peek() != '"' {
		r.odd = true
		return ""
	}
	from := r.at + 1
	isPlain, isASCII := true, true
	for r.at = from; r.at < len(r.data); r.at++ {
		switch c := r.data[r.at]; {
		case c == '"':
			raw := r.data[from:r.at]
			r.at++
			if !isASCII && !utf8.Valid(raw) {
				r.odd = true
			}
			if isPlain {
				return r.all[from : r.at-1]
			}
			return r.unescaped(raw)
		case c == '\\':
			isPlain = false
			r.at++
		case c < ' ':
			r.odd = true
			return ""
		case c >= utf8.RuneSelf:
			isASCII = false
		}
	}
	r.odd = true
	return ""
}

// unescaped is the text that stands between two quotes.
func (r *reader) unescaped(raw []byte) string {
	out := make([]byte, 0, len(raw))
	for len(raw) > 0 {
		at := bytes.IndexByte(raw, '\\')
		if at < 0 {
			break
		}
		out = append(out, raw[:at]...)
		var c byte
		if c, raw = raw[at+1], raw[at+2:]; c != 'u' {
			out = append(out, r.escape(c))
			continue
		}
		code, err := uint64(0), error(nil)
		if len(raw) >= 4 { // digits of an escape
			code, err = strconv.ParseUint(string(raw[:4]), 16, 16)
		}
		if len(raw) < 4 || err != nil || raw[0] == '+' || raw[0] == '-' || 0xd800 <= code && code < 0xe000 {
			r.odd = true // among them are halves of a character
			return ""
		}
		out, raw = utf8.AppendRune(out, rune(code)), raw[4:]
	}
	return string(append(out, raw...))
}

// escape is the character that a letter behind a backslash stands for.
func (r *reader) escape(c byte) byte {
	switch c {
	case '"', '\\', '/':
		return c
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	r.odd = true
	return 0
}

// rare has the library read a value.
func (r *reader) rare(into any) {
	from := r.at
	r.at = members.SkipValue(r.data, from)
	raw := r.data[from:r.at]
	if !json.Valid(raw) || bytes.Equal(raw, []byte("null")) {
		r.odd = true
		return
	}
	if faults, err := kjson.UnmarshalStrict(raw, into); err != nil || len(faults) > 0 {
		r.odd = true
	}
}
