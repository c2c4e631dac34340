package call

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestBodyIsReadToItsEnd(t *testing.T) {
	long := strings.Repeat("x", 3*trusted)
	for _, test := range []struct {
		why      string
		body     io.Reader
		expected int64
		want     string
	}{
		{"as long as expected", strings.NewReader("body"), 4, "body"},
		{"in parts", iotest.OneByteReader(strings.NewReader("body")), 4, "body"},
		{"with its end", iotest.DataErrReader(strings.NewReader("body")), 4, "body"},
		{"of unknown length", strings.NewReader("body"), -1, "body"},
		{"shorter", strings.NewReader("body"), 40, "body"},
		{"longer", strings.NewReader("body"), 2, "body"},
		{"longer than trusted", iotest.HalfReader(strings.NewReader(long)), int64(len(long)), long},
	} {
		if got, err := readAll(test.body, test.expected); err != nil || string(got) != test.want {
			t.Errorf("%s: %d bytes, %v; want %d", test.why, len(got), err, len(test.want))
		}
	}
}

// A body that is cut off is not taken for a whole one.
func TestBodyThatIsCutOff(t *testing.T) {
	cut := io.MultiReader(strings.NewReader("bo"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if got, err := readAll(cut, 4); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("it was read as %q, %v", got, err)
	}
}
