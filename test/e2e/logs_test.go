package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestLogs reads what containers write, in all the ways there are.
func TestLogs(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.manifest("logs")
	followers := map[string]*background{}
	u.becomes("pod/counter", ".status.phase", "Running")
	u.each(func(u user) { followers[u.program] = u.starts("logs", "-f", "counter") })
	u.up("talker", "reborn")
	u.says("the log so far", u.starts("logs", "-f", "talker", "-c", "main").says("early\nlate\n", "problem\n"))
	for program, follower := range followers {
		if out, err := follower.finishes(); err != nil || out != "line 1\nline 2\nline 3\nline 4\nline 5\n" {
			t.Errorf("following with %s until the container ended: %q, %v", program, out, err)
		}
	}
	u.sees("wait", "--for=condition=Complete", "job/work", "--timeout=120s")
	u.each(user.readsLogs)

	out := u.sees("logs", "talker", "--all-containers", "--timestamps", "--prefix")
	for line := range strings.Lines(out) {
		if !regexp.MustCompile(`^\[pod/talker/(init|main|side)\] \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z [a-z ]+\n$`).MatchString(line) {
			t.Errorf("a line of the log with everything before it is %q", line)
		}
	}
	u.eventually("nothing new", func() error {
		if out := u.sees("logs", "talker", "-c", "main", "--since=1s"); out != "" {
			return fmt.Errorf("there is %q", out)
		}
		return nil
	})
	u.says("a container that is not there", u.fails(1, "logs", "talker", "-c", "nope"), "container nope is not valid for pod talker")
	u.says("no earlier life", u.fails(1, "logs", "talker", "-c", "side", "-p"),
		`Error from server (BadRequest): previous terminated container "side" in pod "talker" not found`)
	u.says("no pod", u.fails(1, "logs", "nope"), `pods "nope" not found`)
	u.says("no log yet", u.fails(1, "logs", "stuck"), `container "main" in pod "stuck" is waiting to start: `)
	u.says("too many", u.fails(1, "logs", "-f", "-l", "app=talker", "--all-containers", "--max-log-requests=1"), "you are attempting to follow")
}

// readsLogs uses the options that show parts of logs.
func (u user) readsLogs() {
	u.Helper()
	late, _, _ := strings.Cut(u.sees("logs", "talker", "-c", "main", "--tail=2", "--timestamps"), " ")
	for command, want := range map[string]string{
		"talker":                      "early\nlate\nproblem\n",
		"talker -c side":              "from side\n",
		"talker -c init":              "from init\n",
		"talker side":                 "from side\n",
		"talker --tail=2":             "late\nproblem\n",
		"talker --tail=0":             "",
		"talker --limit-bytes=7":      "early\nl",
		"talker --since=1h":           "early\nlate\nproblem\n",
		"talker --since-time=" + late: "late\nproblem\n",
		"talker --since-time=2999-01-01T00:00:00Z": "",
		"reborn":            "second life\n",
		"reborn --previous": "first life\n",
		"reborn -p":         "first life\n",
		"counter --tail=1":  "line 5\n",
		"job/work":          "work done\n",
	} {
		if got := u.sees(append([]string{"logs"}, strings.Fields(command)...)...); got != want {
			u.Errorf("%s logs %s: %q, want %q", u.program, command, got, want)
		}
	}
	u.lines("the logs of all containers", u.sees("logs", "talker", "--all-containers"), "from init", "early", "late", "problem", "from side")
	u.lines("the logs of a selector", u.sees("logs", "-l", "app=talker", "--all-containers", "--tail=1", "--prefix"),
		"[pod/talker/init] from init", "[pod/talker/main] problem", "[pod/talker/side] from side", "[pod/reborn/main] second life")
}
