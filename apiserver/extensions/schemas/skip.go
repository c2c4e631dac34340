package schemas

import "bytes"

// skipValue returns where the value is over that begins at a place. It does not look whether it is one.
func skipValue(data []byte, at int) int {
	depth := 0
	for at < len(data) {
		switch data[at] {
		case '"':
			at = skipText(data, at)
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

// skipText returns what is behind the string that begins at a place.
func skipText(data []byte, at int) int {
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
