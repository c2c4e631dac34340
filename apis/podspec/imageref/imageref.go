package imageref

import (
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// PullPolicy of an image: a moving tag is always pulled.
func PullPolicy(image string) corev1.PullPolicy {
	if tag(image) == "latest" {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

// references are what images can be called. Only those with a digest are compared with it: the pattern takes 7 µs.
var references = regexp.MustCompile(`^([a-zA-Z0-9.:\[\]-]+/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[\w][\w.-]{0,127})?(@[A-Za-z][A-Za-z0-9]*([-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?$`)

// tag of an image reference: "latest" when it names neither a tag nor a digest, "" when it is none.
func tag(image string) string {
	if !isReference(image) {
		return ""
	}
	name, _, digested := strings.Cut(image, "@")
	last := name[strings.LastIndex(name, "/")+1:]
	if _, tag, ok := strings.Cut(last, ":"); ok {
		return tag
	}
	if digested {
		return ""
	}
	return "latest"
}

// isReference says whether something can be called so.
func isReference(image string) bool {
	if strings.Contains(image, "@") {
		return references.MatchString(image)
	}
	host, rest, below := strings.Cut(image, "/")
	return isTagged(image) || below && host != "" && consistsOf(host, isHost) && isTagged(rest)
}

// isTagged says whether something is a path with or without a tag.
func isTagged(text string) bool {
	path, tag, tagged := strings.Cut(text, ":")
	if path == "" || !isLower(path[0]) || !isLower(path[len(path)-1]) || !consistsOf(path, isPath) {
		return false
	}
	return !tagged || tag != "" && len(tag) <= maxTag && isWord(tag[0]) && consistsOf(tag, isTag)
}

const maxTag = 128

func consistsOf(text string, is func(byte) bool) bool {
	for i := range len(text) {
		if !is(text[i]) {
			return false
		}
	}
	return true
}

func isLower(b byte) bool { return b >= 'a' && b <= 'z' || b >= '0' && b <= '9' }
func isUpper(b byte) bool { return b >= 'A' && b <= 'Z' }
func isWord(b byte) bool  { return isLower(b) || isUpper(b) || b == '_' }
func isTag(b byte) bool   { return isWord(b) || b == '.' || b == '-' }
func isPath(b byte) bool  { return isLower(b) || b == '.' || b == '_' || b == '/' || b == '-' }
func isHost(b byte) bool {
	return isLower(b) || isUpper(b) || b == '.' || b == ':' || b == '[' || b == ']' || b == '-'
}
