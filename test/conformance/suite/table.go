package suite

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Test is one test of the suite.
type Test struct {
	SIG string
	// Serial tests run alone, after the others.
	Serial bool
	// Seconds that it took when it last passed here; before that, what upstream took.
	Seconds float64
	Name    string
}

// Table is all tests, in the order of the file: by group, then by name.
type Table []Test

const heading = "sig\tphase\tseconds\ttest\n"

// ReadTable reads a tests.tsv.
func ReadTable(file string) (Table, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var table Table
	for n, line := range strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")[1:] {
		fields := strings.Split(line, "\t")
		if len(fields) != 4 {
			return nil, fmt.Errorf("reading %s: line %d has %d fields, not 4", file, n+2, len(fields))
		}
		seconds, err := strconv.ParseFloat(fields[2], 64)
		if err != nil {
			return nil, fmt.Errorf("reading %s: line %d: %w", file, n+2, err)
		}
		table = append(table, Test{SIG: fields[0], Serial: fields[1] == "serial", Seconds: seconds, Name: fields[3]})
	}
	return table, nil
}

// Write writes the table to a file.
func (t Table) Write(file string) error {
	var text strings.Builder
	text.WriteString(heading)
	for _, test := range t {
		phase := "parallel"
		if test.Serial {
			phase = "serial"
		}
		fmt.Fprintf(&text, "%s\t%s\t%.1f\t%s\n", test.SIG, phase, test.Seconds, test.Name)
	}
	return os.WriteFile(file, []byte(text.String()), 0o644)
}

// Where returns the tests that a function chooses.
func (t Table) Where(choose func(Test) bool) Table {
	var chosen Table
	for _, test := range t {
		if choose(test) {
			chosen = append(chosen, test)
		}
	}
	return chosen
}

// Learn notes how long tests took that passed. A small difference is noise and changes nothing.
func (t Table) Learn(results []Result) {
	for _, result := range results {
		at := slices.IndexFunc(t, func(test Test) bool { return test.Name == result.Name })
		if at < 0 || !result.Passed {
			continue
		}
		if old := t[at].Seconds; result.Seconds > 1.5*old+1 || result.Seconds < old/1.5-1 {
			t[at].Seconds = result.Seconds
		}
	}
}
