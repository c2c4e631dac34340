package pairs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// told keeps what a test says.
type told struct {
	testing.TB
	errors int
}

func (*told) Helper()                 {}
func (t *told) Errorf(string, ...any) { t.errors++ }

func TestEach(t *testing.T) {
	t.Chdir(t.TempDir())
	for name, text := range map[string]string{"a.in": "one", "a.out": "ONE", "b.in": "two", "b.out": "TWO"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var ran []string
	Each(t, "*.in", ".out", func(t *testing.T, in []byte) []byte {
		ran = append(ran, filepath.Base(t.Name()))
		return bytes.ToUpper(in)
	})
	if got := strings.Join(ran, " "); got != "a b" {
		t.Errorf("ran %s", got)
	}
	other := &told{TB: t}
	Check(other, "a.out", []byte("one"))
	Check(other, "new.out", []byte("new"))
	if other.errors != 2 {
		t.Errorf("what is not as it has to be makes %d errors, want 2", other.errors)
	}
}
