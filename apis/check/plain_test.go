package check

import (
	"strings"
	"testing"

	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation"
)

// FuzzPlain: what is plainly valid is what k8s.io/apimachinery finds nothing wrong with.
func FuzzPlain(f *testing.F) {
	for _, name := range []string{"", "a", "a-b", "-a", "a-", "a.b", "a..b", ".a", "a.", "A", "a/b", "a/", "/a", "a/b/c", "a.b/C_d.e", "A/b", "a_", "é", "a\n", "kubernetes.io/x",
		strings.Repeat("a", 63), strings.Repeat("a", 64), strings.Repeat("a", 253), strings.Repeat("a", 254), strings.Repeat("a", 253) + "/a", strings.Repeat("a", 254) + "/a", "a/" + strings.Repeat("a", 64)} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		for what, pair := range map[string][2]bool{
			"label":          {isPlainLabel(name), len(validation.IsDNS1123Label(name)) == 0},
			"subdomain":      {isPlainSubdomain(name), len(validation.IsDNS1123Subdomain(name)) == 0},
			"qualified name": {isPlainQualifiedName(name), len(validation.IsQualifiedName(name)) == 0},
			"label key":      {isPlainQualifiedName(name), len(metav1validation.ValidateLabelName(name, nil)) == 0},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%q is plainly a %s: %t, is one: %t", name, what, pair[0], pair[1])
			}
		}
	})
}
