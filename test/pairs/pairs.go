package pairs

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write what comes out to testdata")

// Each has run turn the content of each file that fits inputs ("testdata/*.in.yaml") into what has to be in the file beside it, whose name
// ends in output (".out.txt") where that of the first ends in what is behind the star. There must be one.
func Each(t *testing.T, inputs, output string, run func(t *testing.T, in []byte) []byte) {
	t.Helper()
	files, err := filepath.Glob(inputs)
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases in %s: %v", inputs, err)
	}
	_, input, _ := strings.Cut(inputs, "*")
	for _, file := range files {
		stem := strings.TrimSuffix(file, input)
		t.Run(filepath.Base(stem), func(t *testing.T) {
			in, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			Check(t, stem+output, run(t, in))
		})
	}
}

// Check compares what came out with what the file says.
func Check(t testing.TB, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got, -update takes it over):\n%s", file, diff)
	}
}
