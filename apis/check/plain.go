package check

// What is plainly valid is told from a name by looking at each character once. Nearly all names are; what is wrong with the
// others, if anything, is for k8s.io/apimachinery to say, whose patterns take ten times as long.

const (
	maxLabel     = 63
	maxSubdomain = 253
)

// isPlainLabel says whether a name is a label of RFC 1123, in lower case.
func isPlainLabel(name string) bool {
	return len(name) <= maxLabel && isPlainPart(name)
}

// isPlainSubdomain says whether a name is labels of RFC 1123 with dots between them, in lower case.
func isPlainSubdomain(name string) bool {
	if len(name) > maxSubdomain {
		return false
	}
	from := 0
	for i := range len(name) {
		if name[i] != '.' {
			continue
		}
		if !isPlainPart(name[from:i]) {
			return false
		}
		from = i + 1
	}
	return isPlainPart(name[from:])
}

func isPlainPart(name string) bool {
	if name == "" || name[0] == '-' || name[len(name)-1] == '-' {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isLower(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	return true
}

// isPlainQualifiedName says whether a name is a key of labels: up to 63 letters, digits, and -, _ and . between them, after a
// subdomain and a slash if there is one.
func isPlainQualifiedName(name string) bool {
	for i := range len(name) {
		if name[i] == '/' {
			if !isPlainSubdomain(name[:i]) {
				return false
			}
			name = name[i+1:]
			break
		}
	}
	if name == "" || len(name) > maxLabel || !isLetterOrDigit(name[0]) || !isLetterOrDigit(name[len(name)-1]) {
		return false
	}
	for i := range len(name) {
		if c := name[i]; !isLetterOrDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return true
}

func isLower(c byte) bool         { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool         { return '0' <= c && c <= '9' }
func isLetterOrDigit(c byte) bool { return isLower(c) || isDigit(c) || 'A' <= c && c <= 'Z' }
