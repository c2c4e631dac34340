package members

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// Change has change work on a part of a JSON object: the members that wanted chooses by name. change is given an
// object with those of them that there are, and returns what is to be in their place. The others are not looked into.
// object must be valid JSON.
func Change(object []byte, wanted func(name string) bool, change func([]byte) ([]byte, error)) ([]byte, error) {
	part, rest := []byte{'{'}, []byte{'{'}
	at := SkipSpace(object, 0)
	if at >= len(object) || object[at] != '{' {
		return nil, fmt.Errorf("reading members: no object")
	}
	for at = SkipSpace(object, at+1); at < len(object) && object[at] != '}'; at = SkipSpace(object, at) {
		start, named := at, SkipValue(object, at)
		var name string
		if err := json.Unmarshal(object[start:named], &name); err != nil {
			return nil, fmt.Errorf("reading members: %w", err)
		}
		colon := SkipSpace(object, named)
		end := SkipValue(object, SkipSpace(object, colon+1))
		if end > len(object) {
			return nil, fmt.Errorf("reading members: %s has no end", name)
		}
		to := &rest
		if wanted(name) {
			to = &part
		}
		*to = append(append(*to, object[start:end]...), ',')
		if at = SkipSpace(object, end); at < len(object) && object[at] == ',' {
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
