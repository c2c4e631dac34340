package e2e

import (
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestExec works inside of containers: exec, attach, cp, port-forward, debug.
func TestExec(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.manifest("worker")
	u.up("worker")
	u.ready("deployment/web")
	u.each(user.executes)
	u.each(user.copies)
	u.each(user.forwards)
	u.attaches()
	u.debugs()
}

func (u user) executes() {
	u.Helper()
	got := u.do("hello\n", "exec", "-i", "worker", "-c", "main", "--", "sh", "-c", "cat; echo problem >&2; exit 7")
	if got.code != 7 || got.out != "hello\n" || !strings.HasPrefix(got.err, "problem\n") || !strings.Contains(got.err, "command terminated with exit code 7") {
		u.Errorf("%s exec: %+v", u.program, got)
	}
	u.says("the default container", u.fails(1, "exec", "worker", "--", "false"), "Defaulted container \"main\" out of: main, side\n", "command terminated with exit code 1")
	u.same("exec in a Deployment", u.sees("exec", "deployment/web", "--", "cat", "/w/index.html"), u.get("pods", ".items[?(@.metadata.labels.app=='web')].metadata.name"))
	u.says("no such program", u.fails(1, "exec", "worker", "--", "nope"), `exec: "nope": executable file not found in $PATH`)
	u.says("no such container", u.fails(1, "exec", "worker", "-c", "nope", "--", "true"), "container nope is not valid for pod worker")
	u.says("no such pod", u.fails(1, "exec", "nope", "--", "true"), `Error from server (NotFound): pods "nope" not found`)
	u.over("done")
	u.says("a pod that is over", u.fails(1, "exec", "done", "--", "true"), "cannot exec into a container in a completed pod; current phase is Succeeded")
	got = u.atTerminal("typed\n", "exec", "-it", "worker", "-c", "main", "--", "sh", "-c", `tty; read word; echo got $word; until test "$(stty size)" = "33 99"; do sleep 0.05; done; stty size; exit 5`)
	if got.code != 5 || !regexp.MustCompile(`(?s)/dev/pts/\d+\n.*got typed\n33 99\n`).MatchString(got.out) {
		u.Errorf("%s exec -it: %+v", u.program, got)
	}
	large := make([]byte, 3<<20)
	_, _ = rand.Read(large)
	if got := u.answers(string(large), "exec", "-i", "worker", "-c", "main", "--", "cat"); got != string(large) {
		u.Errorf("%s: what went through cat came back as %d bytes of %d, or changed", u.program, len(got), len(large))
	}
}

func (u user) copies() {
	u.Helper()
	dir := u.TempDir()
	for name, content := range map[string]string{"folder/deep/a": "1", "folder/b": strings.Repeat("long ", 100000)} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			u.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			u.Fatal(err)
		}
	}
	there := "/tmp/" + filepath.Base(filepath.Dir(dir)) + filepath.Base(dir)
	u.sees("cp", filepath.Join(dir, "folder"), "worker:"+there, "-c", "side")
	u.lines("the copied folder", u.sh("worker/side", "cd "+there+"; find . -type f; wc -c < b"), "./deep/a", "./b", "500000")
	u.sees("cp", u.name+"/worker:"+there, filepath.Join(dir, "back"), "-c", "side")
	if back, err := os.ReadFile(filepath.Join(dir, "back", "b")); err != nil || len(back) != 500000 {
		u.Errorf("%s cp from the pod: %d bytes, %v", u.program, len(back), err)
	}
	u.sees("cp", "worker:"+there+"/deep/a", filepath.Join(dir, "one"), "-c", "side")
	if one, err := os.ReadFile(filepath.Join(dir, "one")); err != nil || string(one) != "1" {
		u.Errorf("%s cp of one file: %q, %v", u.program, one, err)
	}
}

// forwards fetches the page through a pod, a Service and a Deployment, over several connections at once.
func (u user) forwards() {
	u.Helper()
	pod := u.get("pods", ".items[?(@.metadata.labels.app=='web')].metadata.name")
	for _, target := range [][]string{{"pod/" + pod, ":8080"}, {"service/web", ":80"}, {"deployment/web", ":http"}} {
		forward := u.starts("port-forward", target[0], target[1])
		address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(forward.says("Forwarding from 127.0.0.1:"))
		u.says("port-forward", forward.said(), "Forwarding from "+address+" -> 8080")
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() {
				if page, _, err := fetch("GET", "http://"+address+"/", ""); err != nil || page != pod+"\n" {
					u.Errorf("%s port-forward %s: %q, %v", u.program, target[0], page, err)
				}
			})
		}
		all.Wait()
		u.says("port-forward", forward.ends(), "Handling connection for "+address[len("127.0.0.1:"):])
	}
	closed := u.starts("port-forward", pod, ":9")
	address := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(closed.says("Forwarding from 127.0.0.1:"))
	if connection, err := net.DialTimeout("tcp", address, 5*time.Second); err == nil {
		_, _ = io.ReadAll(connection)
		_ = connection.Close()
	}
	closed.says("error forwarding port 9 to pod", "connection refused")
	u.says("a port that is not there", u.fails(1, "port-forward", "service/web", ":81"), "Service web does not have a service port 81")
	u.says("a pod that is over", u.fails(1, "port-forward", "done", ":81"), "unable to forward port because pod is not running. Current status=Succeeded")
}

// attaches talks with the process that a container runs.
func (u user) attaches() {
	u.Helper()
	watch := u.starts("attach", "worker", "-c", "side")
	u.eventually("an answer to an attached terminal", func() error {
		if got := u.do("word\n", "attach", "-i", "worker", "-c", "side"); got.code != 0 && got.code != 1 {
			return fmt.Errorf("%+v", got)
		}
		return contains(watch.said(), "got word\n") // once that is attached
	})
	watch.ends()
	u.says("the log", u.sees("logs", "worker", "-c", "side"), "got word\n")
	u.says("attach", u.fails(1, "attach", "done"), "cannot attach a container in a completed pod; current phase is Succeeded")
}

// debugs looks into a running pod, a copy of it and the node.
func (u user) debugs() {
	u.Helper()
	const look = `read go; echo "sees $(cat /proc/1/comm) as $(id -u)"; exit 0`
	got := u.do("go\n", "debug", "worker", "--image="+toolbox, "--target=main", "-c", "looker", "-i", "-q", "--profile=general", "--", "sh", "-c", look)
	if log := u.sees("logs", "worker", "-c", "looker"); got.code != 0 || log != "sees sleep as 0\n" {
		u.Errorf("debug: %+v, log %q", got, log)
	}
	u.becomes("pod/worker", ".status.ephemeralContainerStatuses[0].state.terminated.reason", "Completed")
	u.says("describe", u.sees("describe", "pod", "worker"), "Ephemeral Containers:\n  looker:\n", "Reason:       Completed")
	u.sees("debug", "worker", "--copy-to=twin", "--same-node", "--share-processes", "--image="+toolbox, "-c", "extra", "--attach=false", "--profile=general", "--", "sleep", "inf")
	u.up("twin")
	u.says("the processes of all containers", u.sees("exec", "twin", "-c", "extra", "--", "sh", "-c", "cat /proc/[0-9]*/comm"), "pause", "sleep")

	node := u.cluster.Machine.Name
	got = u.do("", "debug", "node/"+node, "--image="+toolbox, "-i", "--profile=general", "--", "sh", "-c", "chroot /host hostname; sleep 1")
	pod := regexp.MustCompile(`node-debugger-\S+`).FindString(got.out + got.err)
	u.says("debug node", got.out+got.err, "Creating debugging pod node-debugger-"+node+"-")
	u.over(pod)
	u.same("the node's name", u.sees("logs", pod), node)
}

// TestRun starts pods as one does in a hurry.
func TestRun(t *testing.T) {
	t.Parallel()
	u := newUser(t)
	u.each(func(u user) {
		got := u.do("typed\n", "run", "once", "--rm", "-i", "--image="+toolbox, "--restart=Never", "--command", "--", "sh", "-c", "cat; sleep 1; echo done")
		if got.code != 0 || !strings.HasPrefix(got.out, "typed\ndone\n") || !strings.Contains(got.out, `pod "once" deleted`) {
			t.Errorf("%s run --rm -i: %+v", u.program, got)
		}
		got = u.atTerminal("go\n", "run", "seen", "--rm", "-it", "--image="+toolbox, "--restart=Never", "--command", "--", "sh", "-c", "read go; tty; exit 3")
		if got.code != 3 || !strings.Contains(got.out, "/dev/pts/0\n") || !strings.Contains(got.out, `pod "seen" deleted`) || !strings.Contains(got.out, "terminated (Error)") {
			t.Errorf("%s run --rm -it: %+v", u.program, got)
		}
	})
	u.same("run", u.sees("run", "plain", "--image="+toolbox, "--labels=a=b", "--env=WORD=x", "--port=80", "--", "inf"), "pod/plain created")
	u.up("plain")
	u.same("its variable", u.sees("exec", "plain", "--", "printenv", "WORD"), "x")
	u.same("expose", u.sees("expose", "pod", "plain", "--name=front", "--port=8080", "--target-port=80"), "service/front exposed")
	u.same("the selector of the Service", u.get("service/front", ".spec.selector"), `{"a":"b"}`)
	u.becomes("endpointslice", ".items[0].endpoints[0].targetRef.name", "plain")
	u.says("run again", u.fails(1, "run", "plain", "--image="+toolbox), `Error from server (AlreadyExists): pods "plain" already exists`)
	u.same("gone", u.sees("get", "pods", "-o", "name"), "pod/plain")
}
