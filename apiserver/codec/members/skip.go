package members

import "bytes"

// SkipSpace returns where the space is over that begins at a place of JSON.
func SkipSpace(data []byte, at int) int {
	for at < len(data) && (data[at] == ' ' || data[at] == '\n' || data[at] == '\t' || data[at] == '\r') {
		at++
	}
	return at
}

// SkipValue returns where the value is over that begins at a place. It does not look whether it is one.
func SkipValue(data []byte, at int) int {
	depth := 0
	for at < len(data) {
		switch data[at] {
		case '"':
			at = SkipText(data, at)
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

// SkipText returns what is behind the string that begins at a place.
func SkipText(data []byte, at int) int {
	for at++; ; at++ {
		next := bytes.IndexByte(data[min(at, len(data)):], '"')
		if next < 0 {
			return len(data)
		}
		from := at
		at += next
		escapes := 0
		for at-escapes > from && data[at-escapes-1] == '\\' {
			escapes++
		}
		if escapes%2 == 0 {
			return at + 1
		}
	}
}
