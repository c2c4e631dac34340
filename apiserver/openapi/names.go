package openapi

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// groupWords returns a group as in operation ids, "RbacAuthorization", and as in tags, "rbacAuthorization".
func groupWords(group string) (id, tag string) {
	if group == "" {
		return "Core", "core"
	}
	var b strings.Builder
	for part := range strings.SplitSeq(strings.TrimSuffix(group, ".k8s.io"), ".") {
		for word := range strings.SplitSeq(part, "-") {
			b.WriteString(title(word))
		}
	}
	id = b.String()
	return id, strings.ToLower(id[:1]) + id[1:]
}

// versionWords returns a group version as in operation ids, "AppsV1", and as in tags, "apps_v1".
func versionWords(gv schema.GroupVersion) (id, tag string) {
	id, tag = groupWords(gv.Group)
	return id + title(gv.Version), tag + "_" + gv.Version
}

// root is the path below which a group version is served.
func root(gv schema.GroupVersion) string {
	if gv.Group == "" {
		return "/api/" + gv.Version
	}
	return "/apis/" + gv.Group + "/" + gv.Version
}

func title(word string) string {
	if word == "" {
		return ""
	}
	return strings.ToUpper(word[:1]) + word[1:]
}

// withArticle puts a or an before a kind, and nothing before a plural.
func withArticle(kind string) string {
	switch {
	case strings.HasSuffix(kind, "s") && !strings.HasSuffix(kind, "ss"):
		return kind
	case strings.ContainsRune("AEIOUaeiou", rune(kind[0])):
		return "an " + kind
	}
	return "a " + kind
}
