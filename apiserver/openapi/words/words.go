package words

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group returns a group as in operation ids, "RbacAuthorization", and as in tags, "rbacAuthorization".
func Group(group string) (id, tag string) {
	if group == "" {
		return "Core", "core"
	}
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimSuffix(group, ".k8s.io"), ".") {
		for word := range strings.SplitSeq(part, "-") {
			b.WriteString(Title(word))
		}
	}
	id = b.String()
	return id, strings.ToLower(id[:1]) + id[1:]
}

// Version returns a group version as in operation ids, "AppsV1", and as in tags, "apps_v1".
func Version(gv schema.GroupVersion) (id, tag string) {
	id, tag = Group(gv.Group)
	return id + Title(gv.Version), tag + "_" + gv.Version
}

// Root is the path below which a group version is served.
func Root(gv schema.GroupVersion) string {
	if gv.Group == "" {
		return "/api/" + gv.Version
	}
	return "/apis/" + gv.Group + "/" + gv.Version
}

// Title begins a word with a capital.
func Title(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// WithArticle puts a or an before a kind, and nothing before a plural.
func WithArticle(kind string) string {
	switch {
	case strings.HasSuffix(kind, "s") && !strings.HasSuffix(kind, "ss"):
		return kind
	case strings.ContainsRune("AEIOUaeiou", rune(kind[0])):
		return "an " + kind
	}
	return "a " + kind
}
