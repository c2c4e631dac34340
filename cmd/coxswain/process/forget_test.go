package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestOnlyUnchangedPagesOfTheProgramAreForgotten(t *testing.T) {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	var smaps []byte
	for _, mapped := range []struct {
		at, permissions, path string
		anonymous             int
	}{
		{"00400000-00500000", "r-xp", program, 0},
		{"00500000-00600000", "r--p", program, 0},
		{"00600000-00700000", "r--p", program, 4}, // relocated, or with a breakpoint
		{"00700000-00800000", "rw-p", program, 0},
		{"00800000-00900000", "r--s", "/data/db", 0},
		{"00900000-00a00000", "r--p", "", 0},
	} {
		smaps = fmt.Appendf(smaps, "%s %s 00001000 fe:00 42    %s\nSize:       1024 kB\nRss:         64 kB\nAnonymous:   %d kB\nVmFlags: rd mr\n",
			mapped.at, mapped.permissions, mapped.path, mapped.anonymous)
	}
	file := filepath.Join(t.TempDir(), "smaps")
	if err := os.WriteFile(file, smaps, 0o600); err != nil {
		t.Fatal(err)
	}
	want := []area{{0x400000, 0x500000}, {0x500000, 0x600000}}
	if got := unchanged(file); !slices.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
}

// What was forgotten is there when it is needed.
func TestProgramGoesOnWhenItIsForgotten(t *testing.T) {
	for range 3 {
		(&collector{percent: defaultPercent}).settle()
		if len(unchanged("/proc/self/smaps")) == 0 {
			t.Fatal("nothing is known of what the program maps")
		}
	}
}
