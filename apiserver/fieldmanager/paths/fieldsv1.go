package paths

import (
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

var errFields = errors.New("malformed FieldsV1")

// Parse reads a set from FieldsV1, and says whether it was spelled and ordered as structured-merge-diff does. If it was not,
// which is only looked into where it is not trusted, the set is what that would make of it.
func Parse(text string, trusted bool) (fields Set, asWritten bool, err error) {
	p := parser{text: text, trusted: trusted}
	fields, _, err = p.object(0)
	if err == nil && p.at == len(p.text) && !p.odd {
		return fields, true, nil
	}
	var other fieldpath.Set
	if err := other.FromJSON(strings.NewReader(text)); err != nil {
		return nil, false, fmt.Errorf("reading fields: %w", err)
	}
	shaped, err := other.ToJSON()
	if err != nil {
		return nil, false, fmt.Errorf("writing fields: %w", err)
	}
	p = parser{text: string(shaped), trusted: true}
	fields, _, err = p.object(0)
	return fields, false, err
}

// parser reads objects of objects without white space. The elements of its sets are parts of the text.
type parser struct {
	text    string
	at      int
	trusted bool
	odd     bool // whether something is not as structured-merge-diff writes it
}

// maxDepth is more than any type has.
const maxDepth = 200

// object reads one object, and says whether the path that leads to it is a member of the set.
func (p *parser) object(depth int) (Set, bool, error) {
	if depth > maxDepth || !p.skip('{') {
		return nil, false, errFields
	}
	if p.skip('}') {
		return nil, true, nil
	}
	var set Set
	member := false
	for {
		element, err := p.key()
		if err != nil {
			return nil, false, err
		}
		children, isMember, err := p.object(depth + 1)
		if err != nil {
			return nil, false, err
		}
		if element == "." {
			member = true
		} else {
			if !p.trusted {
				p.check(set, element, children, isMember)
			}
			set = append(set, Item{Element: element, Member: isMember, Children: children})
		}
		switch {
		case p.skip(','):
		case p.skip('}'):
			return set, member, nil
		default:
			return nil, false, errFields
		}
	}
}

// check notices elements that are out of order, unknown, or not spelled as they should be.
func (p *parser) check(set Set, element string, children Set, member bool) {
	if len(element) < 2 || element[1] != ':' || strings.IndexByte("fkvi", element[0]) < 0 || (!member && len(children) == 0) {
		p.odd = true
		return
	}
	if element[0] == 'f' {
		p.odd = p.odd || escape(Unescape(element)) != element
	} else if !canonicalKey(element) && serialize(pathElement(element)) != element {
		p.odd = true
	}
	if len(set) > 0 && (len(set[len(set)-1].Element) < 2 || compareElements(set[len(set)-1].Element, element) >= 0) {
		p.odd = true
	}
}

// canonicalKey says whether a key or value is surely spelled as it should be: one key, or a value, that is a plain string.
func canonicalKey(element string) bool {
	const quote = `\"`
	var rest string
	switch element[0] {
	case 'v':
		rest = element[2:]
	case 'k':
		inner, ok := strings.CutPrefix(element[2:], "{"+quote)
		if !ok || !strings.HasSuffix(inner, "}") {
			return false
		}
		name, after, ok := strings.Cut(inner[:len(inner)-1], quote+":")
		if !ok || !plain(name) {
			return false
		}
		rest = after
	default:
		return false
	}
	return len(rest) >= 2*len(quote) && strings.HasPrefix(rest, quote) && strings.HasSuffix(rest, quote) && plain(rest[len(quote):len(rest)-len(quote)])
}

// key reads a string and the colon after it.
func (p *parser) key() (string, error) {
	if !p.skip('"') {
		return "", errFields
	}
	start := p.at
	for p.at < len(p.text) && p.text[p.at] != '"' {
		if p.text[p.at] == '\\' {
			p.at++
		}
		p.at++
	}
	if p.at >= len(p.text) {
		return "", errFields
	}
	key := p.text[start:p.at]
	p.at++
	if !p.skip(':') || key == "" {
		return "", errFields
	}
	return key, nil
}

func (p *parser) skip(c byte) bool {
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

// AppendFields writes the set as FieldsV1.
func (s Set) AppendFields(out []byte) []byte { return s.appendBelow(out, false) }

// appendBelow writes what is below a path, and whether the path is a member itself.
func (s Set) appendBelow(out []byte, member bool) []byte {
	out = append(out, '{')
	if member && len(s) > 0 {
		out = append(out, `".":{}`...)
	}
	for i := range s {
		if i > 0 || (member && len(s) > 0) {
			out = append(out, ',')
		}
		out = append(out, '"')
		out = append(out, s[i].Element...)
		out = append(out, '"', ':')
		out = s[i].Children.appendBelow(out, s[i].Member)
	}
	return append(out, '}')
}
