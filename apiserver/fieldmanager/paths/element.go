package paths

import (
	"encoding/json"
	"strconv"
	"strings"

	jsoniter "github.com/json-iterator/go"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// compareElements orders elements as structured-merge-diff does: fields by name, then keys, values and indices by what they hold.
func compareElements(a, b string) int {
	if a == b {
		return 0
	}
	if a[0] == 'f' && b[0] == 'f' {
		if strings.IndexByte(a, '\\') < 0 && strings.IndexByte(b, '\\') < 0 {
			return strings.Compare(a, b)
		}
		return strings.Compare(Unescape(a), Unescape(b))
	}
	if a[0] != b[0] {
		return strings.IndexByte("fkvi", a[0]) - strings.IndexByte("fkvi", b[0])
	}
	if c, ok := compareKeys(a, b); ok {
		return c
	}
	return pathElement(a).Compare(pathElement(b))
}

// compareKeys compares two keys up to their first difference if that is within a string without escapes, which it nearly always is.
func compareKeys(a, b string) (int, bool) {
	const quote = `\"`
	if strings.Contains(a, `\\`) || strings.Contains(b, `\\`) {
		return 0, false
	}
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	if c, ok := compareNumbers(a, b, i); ok {
		return c, true
	}
	// Strings are between an odd quote and an even one, and only a value follows a colon.
	start := strings.LastIndex(a[:i], quote)
	if start < 1 || a[start-1] != ':' || strings.Count(a[:i], quote)%2 == 0 {
		return 0, false
	}
	rest := start + len(quote)
	left, _, ok1 := strings.Cut(a[rest:], quote)
	right, _, ok2 := strings.Cut(b[rest:], quote)
	if !ok1 || !ok2 || strings.IndexByte(left, '\\') >= 0 || strings.IndexByte(right, '\\') >= 0 || left == right {
		return 0, false
	}
	return strings.Compare(left, right), true
}

// compareNumbers compares two keys that differ first at a place within a whole number, and are the same before it.
func compareNumbers(a, b string, at int) (int, bool) {
	start := at
	for start > 0 && isDigit(a[start-1]) {
		start--
	}
	left, right := digits(a[start:]), digits(b[start:])
	if left == 0 || right == 0 || start < 2 || a[start-2:start] != `":` {
		return 0, false
	}
	if left != right {
		return left - right, true // neither begins with a zero
	}
	c := strings.Compare(a[start:start+left], b[start:start+right])
	return c, c != 0
}

// digits is how many there are before the end of a value, or 0 if there is anything else.
func digits(text string) int {
	n := 0
	for n < len(text) && isDigit(text[n]) {
		n++
	}
	if n == len(text) || (text[n] != ',' && text[n] != '}') {
		return 0
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// Unescape returns the path element that stands between quotes in JSON.
func Unescape(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return raw
	}
	var text string
	if err := json.Unmarshal([]byte(`"`+raw+`"`), &text); err != nil {
		return raw
	}
	return text
}

// pathElement is the element in the terms of structured-merge-diff.
func pathElement(raw string) fieldpath.PathElement {
	element, err := fieldpath.DeserializePathElement(Unescape(raw))
	if err != nil {
		text := raw
		return fieldpath.PathElement{FieldName: &text}
	}
	return element
}

// escape writes text as structured-merge-diff does between quotes.
func escape(text string) string {
	if plain(text) {
		return text
	}
	stream := jsoniter.ConfigCompatibleWithStandardLibrary.BorrowStream(nil)
	defer jsoniter.ConfigCompatibleWithStandardLibrary.ReturnStream(stream)
	stream.WriteString(text)
	quoted := string(stream.Buffer())
	return quoted[1 : len(quoted)-1]
}

// plain says whether text is the same inside of two layers of JSON.
func plain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c >= 0x7f, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

// Field is the element of a field or of a key of a map.
func Field(name string) string { return "f:" + escape(name) }

// Scalar is a key or a member of a set: a string, an int64, a float64, a bool, or nil.
type Scalar any

// Value is the element of a member of a set.
func Value(v Scalar) string {
	if text, ok := v.(string); ok && plain(text) {
		return `v:\"` + text + `\"`
	}
	val := value.NewValueInterface(v)
	return serialize(fieldpath.PathElement{Value: &val})
}

// Key is the element of an item of a list with keys, whose names are in order.
func Key(names []string, values []Scalar) string {
	var b strings.Builder
	b.Grow(64)
	b.WriteString("k:{")
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`\"`)
		b.WriteString(name)
		b.WriteString(`\":`)
		switch v := values[i].(type) {
		case string:
			if !plain(v) {
				return slowKeyElement(names, values)
			}
			b.WriteString(`\"`)
			b.WriteString(v)
			b.WriteString(`\"`)
		case int64:
			b.Write(strconv.AppendInt(nil, v, 10))
		default:
			return slowKeyElement(names, values)
		}
	}
	b.WriteByte('}')
	return b.String()
}

func slowKeyElement(names []string, values []Scalar) string {
	fields := value.FieldList{}
	for i, name := range names {
		fields = append(fields, value.Field{Name: name, Value: value.NewValueInterface(values[i])})
	}
	return serialize(fieldpath.PathElement{Key: &fields})
}

func serialize(element fieldpath.PathElement) string {
	text, err := fieldpath.SerializePathElement(element)
	if err != nil {
		return ""
	}
	return escape(text)
}
