package main

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/test/differential/answers"
	"github.com/coxswain-k8s/coxswain/test/differential/requests"
)

// count of the requests of an area.
type count struct{ all, identical, accepted, different int }

// difference is a request whose answers differ for no accepted reason.
type difference struct {
	request requests.Request
	places  []answers.Difference
}

// result is what comparing came to.
type result struct {
	rules       []*answers.Rule
	areas       map[string]*count
	total       count
	differences []difference
	accepted    []difference
}

func newResult(rules []*answers.Rule) *result {
	return &result{rules: rules, areas: map[string]*count{}}
}

// add compares two answers to one request.
func (r *result) add(request requests.Request, upstream, ours *answers.Answer) {
	area := r.areas[request.Area]
	if area == nil {
		area = &count{}
		r.areas[request.Area] = area
	}
	area.all++
	r.total.all++
	places := answers.Compare(upstream, ours)
	if len(places) == 0 {
		area.identical++
		r.total.identical++
		return
	}
	open := r.unaccepted(request.ID(), places)
	if len(open) == 0 {
		area.accepted++
		r.total.accepted++
		r.accepted = append(r.accepted, difference{request, places})
		return
	}
	area.different++
	r.total.different++
	r.differences = append(r.differences, difference{request, open})
}

// unaccepted leaves out the places that a rule accepts, and counts for each rule that it did.
func (r *result) unaccepted(id string, places []answers.Difference) []answers.Difference {
	used := map[*answers.Rule]bool{}
	var open []answers.Difference
	for _, place := range places {
		i := slices.IndexFunc(r.rules, func(rule *answers.Rule) bool { return rule.Accepts(id, place) })
		if i < 0 {
			open = append(open, place)
			continue
		}
		used[r.rules[i]] = true
	}
	for rule := range used {
		rule.Used++
	}
	return open
}

// print writes every difference and the counts.
func (r *result) print(out io.Writer, verbose bool) {
	for _, d := range r.differences {
		d.print(out)
	}
	if verbose {
		fmt.Fprintln(out, "\n=== accepted ===")
		for _, d := range r.accepted {
			d.print(out)
		}
	}
	for _, rule := range r.rules {
		if rule.Used == 0 {
			fmt.Fprintf(out, "a rule accepts nothing: %s\n", rule.Reason)
		}
	}
	fmt.Fprintf(out, "%d requests: %d answered alike, %d differently for an accepted reason, %d differently\n",
		r.total.all, r.total.identical, r.total.accepted, r.total.different)
}

func (d *difference) print(out io.Writer) {
	body := d.request.Body
	if len(body) > 400 {
		body = body[:400] + "…"
	}
	fmt.Fprintf(out, "%s\n  %s %s %s\n", d.request.ID(), d.request.Method, d.request.Path, body)
	for _, place := range d.places {
		fmt.Fprintf(out, "    %s\n", place)
	}
}

// Marks in the page between which the result stands.
const (
	begin = "<!-- begin: written by make differential -->\n"
	end   = "<!-- end -->\n"
)

// write puts the result between the marks of a page.
func (r *result) write(page string) error {
	data, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(data, []byte(begin))
	_, after, both := bytes.Cut(rest, []byte(end))
	if !ok || !both {
		return fmt.Errorf("%s has no marks", page)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(begin)
	r.table(&out)
	out.WriteString(end)
	out.Write(after)
	return os.WriteFile(page, out.Bytes(), 0o644)
}

func (r *result) table(out io.Writer) {
	fmt.Fprintf(out, "\n%d requests: %d answered alike, %d differently for an accepted reason, %d differently.\n\n",
		r.total.all, r.total.identical, r.total.accepted, r.total.different)
	fmt.Fprintln(out, "| requests | number | alike | accepted | different |\n|---|---|---|---|---|")
	for _, area := range slices.Sorted(maps.Keys(r.areas)) {
		c := r.areas[area]
		fmt.Fprintf(out, "| %s | %d | %d | %d | %d |\n", area, c.all, c.identical, c.accepted, c.different)
	}
	fmt.Fprintln(out, "\n| accepted difference | requests |\n|---|---|")
	used := map[string]int{}
	for _, rule := range r.rules {
		used[strings.ReplaceAll(rule.Reason, "\n", " ")] += rule.Used
	}
	reasons := slices.SortedFunc(maps.Keys(used), func(a, b string) int { return cmp.Or(cmp.Compare(used[b], used[a]), cmp.Compare(a, b)) })
	for _, reason := range reasons {
		fmt.Fprintf(out, "| %s | %d |\n", reason, used[reason])
	}
	fmt.Fprintln(out)
}
