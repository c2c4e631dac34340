package golden

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/coxswain-k8s/coxswain/controllers"
	"github.com/coxswain-k8s/coxswain/test/pairs"
)

var writes = flag.Bool("writes", false, "tell how often each controller writes")

func TestMain(m *testing.M) {
	flag.Parse()
	utilruntime.ErrorHandlers = utilruntime.ErrorHandlers[:1] // the others wait by what time it was in another bubble
	os.Exit(m.Run())
}

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

// TestEveryControllerHasCases holds controllers against the folders of testdata: of its account, or where several have it, or it has none, of
// its name.
func TestEveryControllerHasCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, file := range files {
		folder := filepath.Base(filepath.Dir(file))
		there[folder] = true
		there[strings.ReplaceAll(strings.TrimSuffix(folder, "-controller"), "-", "")] = true
	}
	accounts, sharing := controllers.Accounts(), map[string]int{}
	for _, account := range accounts {
		sharing[account]++
	}
	for name, account := range accounts {
		if !there[name] && (!there[account] || sharing[account] > 1) {
			t.Errorf("controller %s has no cases", name)
		}
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
	for _, wrong := range slices.Concat(h.ledger.wrong, w.rounds.wrong) {
		t.Error(wrong)
	}
	if *writes {
		report(t.Name(), h.ledger, &w.rounds)
	}
	return all.String()
}
