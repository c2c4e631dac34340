package imageref

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestIsReferenceIsThePattern: what is compared by hand is what the pattern says.
func TestIsReferenceIsThePattern(t *testing.T) {
	compare := func(image string) {
		if got, want := isReference(image), references.MatchString(image); got != want {
			t.Errorf("%q: %t, the pattern says %t", image, got, want)
		}
	}
	for _, image := range []string{
		"", "/", "a", "a/", "/a", "a:b", "a:", ":b", "a/b:c/d", "registry.k8s.io/pause:3.10.2", "localhost:5000/a/b_c--d:v1", "[::1]:5000/a", "A/b", "a/B", "A", "a\n",
		"a:" + strings.Repeat("x", maxTag), "a:" + strings.Repeat("x", maxTag+1), "a@sha256:" + strings.Repeat("0", 64), "a@sha256:0", "a:b@sha256:" + strings.Repeat("0", 64),
	} {
		compare(image)
	}
	const letters = "aZ0_.-:/[]@ é"
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		var image strings.Builder
		for range random.IntN(9) {
			image.WriteByte(letters[random.IntN(len(letters))])
		}
		compare(image.String())
	}
}
