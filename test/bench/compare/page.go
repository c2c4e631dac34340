package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// section is a part of the page that a run replaces: what stands between two lines of its own.
type section struct{ begin, end string }

var (
	comparing = marked("make bench-compare")
	perfing   = marked("make bench-scheduler")
)

func marked(command string) section {
	return section{"<!-- what is between these marks is written by `" + command + "` -->", "<!-- end of what is written by `" + command + "` -->"}
}

// write replaces what is between the marks of a page by what was rendered.
func (s section) write(name string, rendered []byte, problems error) error {
	page, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	before, rest, ok := bytes.Cut(page, []byte(s.begin))
	_, after, too := bytes.Cut(rest, []byte(s.end))
	if !ok || !too {
		return fmt.Errorf("%s has no marks %s between which to write", name, s.begin)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(s.begin + "\n")
	out.Write(rendered)
	if problems != nil {
		fmt.Fprintf(&out, "\n### What failed\nThe figures of these turns are missing:\n\n```\n%v\n```\n", problems)
	}
	out.WriteString(s.end)
	out.Write(after)
	return os.WriteFile(name, out.Bytes(), 0o644)
}

// page is what a run of all scenarios has to say.
func (c *comparison) page(rounds int) []byte {
	var out bytes.Buffer
	c.heading(&out, rounds)
	fmt.Fprintf(&out, "The ratio says how many times better Coxswain is: more in a second, or less of anything else; beside the ratio of a rate stand those of its p50 and its p99.\n")
	c.tables(&out)
	out.WriteString("\n### What was run\n`DIR` is a new folder on the same disk for every start, `IP` the address of the machine.\n")
	for _, p := range c.peers {
		fmt.Fprintf(&out, "\n```\n%s\n```\n", strings.Join(c.commands[p.Name()], "\n"))
	}
	return out.Bytes()
}

// perfPage is what a run of all workloads of scheduler_perf has to say.
func (c *comparison) perfPage(rounds, divide int, workloads []scenario) []byte {
	var out bytes.Buffer
	c.heading(&out, rounds)
	if divide > 1 {
		fmt.Fprintf(&out, "Nodes and pods are those of scheduler_perf divided by %d.\n", divide)
	}
	out.WriteString("\n| workload | Coxswain | upstream | ratio |\n|---|---|---|---|\n")
	for _, w := range workloads {
		c.rows(&out, w.name)
	}
	return out.Bytes()
}

// heading says when, where and how often was measured.
func (c *comparison) heading(out *bytes.Buffer, rounds int) {
	figure := "the median of " + strconv.Itoa(rounds) + " rounds"
	if rounds == 1 {
		figure = "of one round"
	}
	fmt.Fprintf(out, "Measured on %s: %d cores, Linux %s, Go %s, in %d minutes. Each figure is %s in which the two had their turns one after the other.\n",
		time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), kernel(), strings.TrimPrefix(runtime.Version(), "go"), int(c.took.Minutes()+0.5), figure)
}

// tables has one table for each scenario.
func (c *comparison) tables(out *bytes.Buffer) {
	for _, s := range scenarios() {
		fmt.Fprintf(out, "\n### %s\n%s\n\n| what | Coxswain | upstream | ratio |\n|---|---|---|---|\n", s.title, s.about)
		c.rows(out, s.name)
	}
}

func (c *comparison) rows(out *bytes.Buffer, scenario string) {
	for _, row := range c.results.rows {
		if row.scenario == scenario {
			fmt.Fprintf(out, "| %s | %s | %s | %s |\n", row.figure.what, row.cell("Coxswain"), row.cell("upstream"), row.ratio())
		}
	}
}

// kernel is the release that runs.
func kernel() string {
	data, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "of unknown release"
	}
	return strings.TrimSpace(string(data))
}
