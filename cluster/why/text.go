package why

import (
	"fmt"
	"strings"
	"unicode"

	corev1 "k8s.io/api/core/v1"
)

// report is what is said: the cause, what would help, and details.
type report struct {
	cause    string
	help     []string
	sections []section
}

type section struct {
	title string
	lines []string
}

// add says more below a title; without lines it says nothing.
func (r *report) add(title string, lines ...string) *report {
	if len(lines) > 0 {
		r.sections = append(r.sections, section{title, lines})
	}
	return r
}

// maxEvents bounds the events that are shown.
const maxEvents = 6

// Text says why the pod is as it is. Of the causes that apply the first one counts: what happens to the whole pod comes before
// what happens to its containers.
func Text(f *Facts) string {
	var r *report
	for _, find := range []func(*Facts) *report{terminating, finished, pending, lostNode, failing, starting, unready, healthy} {
		if r = find(f); r != nil {
			break
		}
	}
	r.add("Owner", ownerLines(f)...)
	r.add("Events", eventLines(f, f.Events)...)
	var b strings.Builder
	fmt.Fprintf(&b, "pod/%s %s\n", f.Pod.Name, r.cause)
	if len(r.help) > 0 {
		b.WriteString("\nWhat would help:\n")
		for _, line := range r.help {
			fmt.Fprintf(&b, "  - %s\n", line)
		}
	}
	for _, s := range r.sections {
		fmt.Fprintf(&b, "\n%s:\n", s.title)
		for _, line := range s.lines {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	return strings.Map(shown, b.String())
}

// shown leaves out what would command a terminal: who writes logs and messages is not to have it.
func shown(r rune) rune {
	if unicode.IsControl(r) && r != '\n' && r != '\t' {
		return -1
	}
	return r
}

func ownerLines(f *Facts) []string {
	switch o := f.Owner; {
	case o == nil:
		return nil
	case o.Gone:
		return []string{o.String() + ", which is no longer there: the garbage collector deletes the pod"}
	case o.Deleting:
		return []string{o.String() + ", which is being deleted"}
	default:
		return []string{o.String()}
	}
}

func eventLines(f *Facts, events []corev1.Event) []string {
	var lines []string
	for i, e := range lately(events) {
		if i == maxEvents {
			lines = append(lines, fmt.Sprintf("... and %d before", len(events)-maxEvents))
			break
		}
		count := ""
		if n := times(&e); n > 1 {
			count = fmt.Sprintf(" (%d times)", n)
		}
		seen := e.LastTimestamp
		seen.Time = when(&e)
		lines = append(lines, fmt.Sprintf("%-8s %-7s %s%s: %s", f.ago(seen), e.Type, e.Reason, count, oneLine(e.Message)))
	}
	return lines
}

// maxLine bounds messages in a list.
const maxLine = 220

func oneLine(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > maxLine {
		return string(runes[:maxLine]) + "..."
	}
	return text
}

// plural is a number of things.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// maxNames bounds the names in a list.
const maxNames = 4

func list(names []string) string {
	if len(names) <= maxNames+1 {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:maxNames], ", "), len(names)-maxNames)
}
