package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// ChangeMembers has change work on a part of a JSON object: the members that wanted chooses by name. change is given an
// object with those of them that there are, and returns what is to be in their place. The others are not looked into.
// object must be valid JSON.
func ChangeMembers(object []byte, wanted func(name string) bool, change func([]byte) ([]byte, error)) ([]byte, error) {
	part, rest := []byte{'{'}, []byte{'{'}
	at := skipSpace(object, 0)
	if at >= len(object) || object[at] != '{' {
		return nil, fmt.Errorf("reading members: no object")
	}
	for at = skipSpace(object, at+1); at < len(object) && object[at] != '}'; at = skipSpace(object, at) {
		start, named := at, skipValue(object, at)
		var name string
		if err := json.Unmarshal(object[start:named], &name); err != nil {
			return nil, fmt.Errorf("reading members: %w", err)
		}
		colon := skipSpace(object, named)
		end := skipValue(object, skipSpace(object, colon+1))
		if end > len(object) {
			return nil, fmt.Errorf("reading members: %s has no end", name)
		}
		to := &rest
		if wanted(name) {
			to = &part
		}
		*to = append(append(*to, object[start:end]...), ',')
		if at = skipSpace(object, end); at < len(object) && object[at] == ',' {
			at++
		}
	}
	changed, err := change(closed(part))
	if err != nil {
		return nil, err
	}
	return joined(rest, changed)
}

// closed ends an object that is open behind a member.
func closed(object []byte) []byte { return append(bytes.TrimSuffix(object, []byte{','}), '}') }

// joined adds the members of an object to one that is open.
func joined(open, object []byte) ([]byte, error) {
	object = bytes.TrimSpace(object)
	if len(object) < 2 || object[0] != '{' {
		return nil, fmt.Errorf("joining members: %.20q is no object", object)
	}
	if members := bytes.TrimSpace(object[1 : len(object)-1]); len(members) > 0 {
		return append(append(open, members...), '}'), nil
	}
	return closed(open), nil
}

func skipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}

// skipValue returns where the value that begins at a place is over.
func skipValue(data []byte, at int) int {
	depth := 0
	for at < len(data) {
		switch data[at] {
		case '"':
			at = skipString(data, at)
		case '{', '[':
			depth++
			at++
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
			at++
		case ',', ':', ' ', '\n', '\t', '\r':
			if depth == 0 {
				return at
			}
			at++
			continue
		default:
			at++
			continue
		}
		if depth == 0 {
			return at
		}
	}
	return at
}

// skipString returns what is behind the string that begins at a place.
func skipString(data []byte, at int) int {
	for at++; at < len(data); at++ {
		switch data[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(data)
}
