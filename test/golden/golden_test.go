package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// TestControllers plays every case (see doc.go).
func TestControllers(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		controller, name := filepath.Base(filepath.Dir(file)), strings.TrimSuffix(filepath.Base(file), ".yaml")
		t.Run(controller+"/"+name, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s, err := parse(data)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.accounts) == 0 {
				s.accounts = []string{controller}
			}
			dir, got := t.TempDir(), ""
			synctest.Test(t, func(t *testing.T) { got = perform(t, dir, s) })
			pairs.Check(t, strings.TrimSuffix(file, ".yaml")+".txt", []byte(got))
		})
	}
}

// perform plays a case and returns what was written in each step.
func perform(t *testing.T, dir string, s *script) string {
	t.Helper()
	w := create(t, dir, s)
	defer w.end(t)
	h := newHistory(s.accounts)
	if _, err := h.read(w.take(), time.Now()); err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, one := range s.steps {
		since := time.Now()
		if err := w.play(t.Context(), one); err != nil {
			t.Fatal(err)
		}
		lines, err := h.read(w.take(), since)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&all, "== %s\n%s", one, lines)
	}
	for _, write := range h.idle {
		t.Errorf("%s changes nothing", write)
	}
	return all.String()
}
