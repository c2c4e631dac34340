package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// The part of the page that a run replaces stands between these lines.
const (
	beginMark = "<!-- what is between these marks is written by `make bench-compare` -->"
	endMark   = "<!-- end of what is written by `make bench-compare` -->"
)

// writePage replaces what is between the marks of a page.
func (c *comparison) writePage(name string, rounds int, problems error) error {
	page, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading the page: %w", err)
	}
	before, rest, ok := bytes.Cut(page, []byte(beginMark))
	_, after, too := bytes.Cut(rest, []byte(endMark))
	if !ok || !too {
		return fmt.Errorf("%s has no marks between which to write", name)
	}
	var out bytes.Buffer
	out.Write(before)
	out.WriteString(beginMark + "\n")
	c.render(&out, rounds)
	if problems != nil {
		fmt.Fprintf(&out, "\n### What failed\nThe figures of these turns are missing:\n\n```\n%v\n```\n", problems)
	}
	out.WriteString(endMark)
	out.Write(after)
	return os.WriteFile(name, out.Bytes(), 0o644)
}

func (c *comparison) render(out *bytes.Buffer, rounds int) {
	fmt.Fprintf(out, "Measured on %s: %d cores, Linux %s, Go %s, in %d minutes. Each figure is the median of %d rounds in which the two had their turns one after the other.\n"+
		"The ratio says how many times better Coxswain is: more in a second, or less of anything else; beside the ratio of a rate stand those of its p50 and its p99.\n",
		time.Now().UTC().Format("2006-01-02"), runtime.NumCPU(), kernel(), strings.TrimPrefix(runtime.Version(), "go"), int(c.took.Minutes()+0.5), rounds)
	c.tables(out)
	out.WriteString("\n### What was run\n`DIR` is a new folder on the same disk for every start, `IP` the address of the machine.\n")
	for _, p := range c.peers {
		fmt.Fprintf(out, "\n```\n%s\n```\n", strings.Join(c.commands[p.Name()], "\n"))
	}
}

// tables has one table for each scenario.
func (c *comparison) tables(out *bytes.Buffer) {
	for _, s := range scenarios() {
		fmt.Fprintf(out, "\n### %s\n%s\n\n| what | Coxswain | upstream | ratio |\n|---|---|---|---|\n", s.title, s.about)
		for _, row := range c.results.rows {
			if row.scenario == s.name {
				fmt.Fprintf(out, "| %s | %s | %s | %s |\n", row.figure.what, row.cell("Coxswain"), row.cell("upstream"), row.ratio())
			}
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
