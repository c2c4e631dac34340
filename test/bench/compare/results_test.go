package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/test/bench/load"
	"github.com/coxswain-k8s/coxswain/test/bench/peer"
	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// results of three rounds, as they come.
func rounds(values ...figure) *results {
	r := newResults()
	for i, f := range values {
		r.add("calls", []string{"upstream", "Coxswain"}[i%2], f)
	}
	return r
}

func TestRatiosAreOfMedians(t *testing.T) {
	rate := func(v float64) figure {
		return figure{what: "get", unit: perSecond, value: v, p50: time.Millisecond, p99: 20 * time.Millisecond}
	}
	took := func(v float64) figure { return figure{what: "list", unit: millis, value: v} }
	for _, c := range []struct {
		name string
		of   *results
		want []string
	}{
		{"more in a second is better", rounds(rate(100), rate(1000), rate(9), rate(1200), rate(200), rate(9000)), []string{"1,200/s, p50 1.0 ms, p99 20 ms", "100/s, p50 1.0 ms, p99 20 ms", "12, p50 1.0, p99 1.0"}},
		{"less time is better", rounds(took(50), took(0.5), took(70), took(2), took(60), took(1)), []string{"1.0 ms", "60 ms", "60"}},
		{"one side alone has no ratio", rounds(took(50)), []string{"", "50 ms", ""}},
	} {
		row := c.of.rows[0]
		if diff := cmp.Diff(c.want, []string{row.cell("Coxswain"), row.cell("upstream"), row.ratio()}); diff != "" {
			t.Errorf("%s (-want +got)\n%s", c.name, diff)
		}
	}
}

func TestThePageKeepsWhatIsAroundTheMarks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "page.md")
	around := func(s section, within string) string { return s.begin + "\n" + within + s.end }
	if err := os.WriteFile(name, []byte("before\n"+around(comparing, "stale figures\n")+"\nbetween\n"+around(perfing, "stale rates\n")+"\nafter\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	c := &comparison{results: rounds(duration("list", time.Second)), commands: map[string][]string{}}
	if err := comparing.write(name, c.page(3), nil); err != nil {
		t.Fatal(err)
	}
	if err := perfing.write(name, c.perfPage(1, 5, []scenario{{name: "calls"}}), errors.New("no nodes")); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{
		"before\n" + comparing.begin, "the median of 3 rounds", "| list |", comparing.end + "\nbetween\n" + perfing.begin, "of one round", "divided by 5",
		"| list |  | 1,000 ms |", "no nodes", perfing.end + "\nafter\n",
	} {
		if !strings.Contains(string(page), part) {
			t.Errorf("the page has no %q:\n%s", part, page)
		}
	}
	if strings.Contains(string(page), "stale") {
		t.Errorf("the page has a stale part still:\n%s", page)
	}
}

func TestChoosing(t *testing.T) {
	chosen, err := choose("List, start", nil)
	if err != nil || len(chosen) != 2 || chosen[0].name != "list" {
		t.Errorf("%v, %v", chosen, err)
	}
	if _, err := choose("lists", nil); err == nil || !strings.Contains(err.Error(), "list, watch") {
		t.Errorf("got %v", err)
	}
}

func TestSides(t *testing.T) {
	all := []peer.Peer{peer.Upstream{}, peer.Coxswain{}}
	for _, name := range []string{"coxswain", "Coxswain", "COXSWAIN"} {
		if chosen, err := sides(name, all...); err != nil || len(chosen) != 1 || chosen[0].Name() != "Coxswain" {
			t.Errorf("%s: %v, %v", name, chosen, err)
		}
	}
	if chosen, err := sides("", all...); err != nil || len(chosen) != 2 {
		t.Errorf("%v, %v", chosen, err)
	}
	if _, err := sides("ours", all...); err == nil || !strings.HasSuffix(err.Error(), "there are upstream, Coxswain") {
		t.Errorf("got %v", err)
	}
}

// A figure of every kind, of two rounds: rates, what a call costs the servers, times and memory.
func TestTables(t *testing.T) {
	r := newResults()
	for i, peer := range []string{"upstream", "Coxswain", "upstream", "Coxswain"} {
		v := float64([]int{12, 2, 10, 1}[i])
		r.add("calls", peer, rate("get, protobuf, 32 workers", load.Result{Rate: 9000 / v, Took: load.Sorted([]time.Duration{time.Duration(v) * time.Millisecond})}))
		r.add("calls", peer, figure{what: "CPU of the servers for a get, protobuf, 32 workers", unit: micros, value: 100 * v, client: 20 * v})
		r.add("list", peer, duration("2000 pods, protobuf", time.Duration(v)*time.Millisecond))
		r.add("list", peer, duration("CPU of the servers for a list of 2000 pods, protobuf", time.Duration(2*v)*time.Millisecond))
		r.add("watch", peer, figure{what: "CPU of the servers for each of the events to 200 watchers", unit: micros, value: v})
		r.add("watch", peer, figure{what: "memory after these watches, resident", unit: mebibytes, value: 50 * v})
	}
	var out bytes.Buffer
	(&comparison{results: r}).tables(&out)
	pairs.Check(t, "testdata/tables.md", out.Bytes())
}

func TestPercentiles(t *testing.T) {
	var all []time.Duration
	for i := range 200 {
		all = append(all, time.Duration(200-i))
	}
	sorted := load.Sorted(all)
	if p50, p99 := sorted.Percentile(50), sorted.Percentile(99); p50 != 101 || p99 != 199 {
		t.Errorf("%d, %d", p50, p99)
	}
}
