package etcd_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// writerDir tells the test program to be the process that is killed.
const writerDir = "COXSWAIN_TEST_WRITER_DIR"

func TestNothingAcknowledgedIsLostByKill(t *testing.T) {
	if dir := os.Getenv(writerDir); dir != "" {
		writeForever(t, dir)
		return
	}
	t.Parallel()
	dir := t.TempDir()
	for round := range 3 {
		acknowledged := writeAndKill(t, dir)
		m := embed(t, etcd.Config{Dir: dir})
		r, err := m.Get(t.Context(), "/registry/counter")
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := strconv.Atoi(string(r.Value)); got < acknowledged || got > acknowledged+1 {
			t.Errorf("round %d: counter is %d, acknowledged was %d", round, got, acknowledged)
		}
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// writeAndKill runs a writer, kills it after some writes and returns the last that it had acknowledged.
func writeAndKill(t *testing.T, dir string) (acknowledged int) {
	t.Helper()
	child := exec.Command(os.Args[0], "-test.run=^TestNothingAcknowledgedIsLostByKill$")
	child.Env = append(os.Environ(), writerDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if value, err := strconv.Atoi(lines.Text()); err == nil {
			acknowledged = value
		}
		if n == 100 {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = child.Wait() // it was killed
	return acknowledged
}

func writeForever(t *testing.T, dir string) {
	m := embed(t, etcd.Config{Dir: dir})
	n := 0
	if r, err := m.Get(t.Context(), "/registry/counter"); err == nil {
		n, _ = strconv.Atoi(string(r.Value))
	}
	for {
		n++
		op := storage.Op{Key: "/registry/counter", Value: []byte(strconv.Itoa(n)), Expected: storage.Any}
		if _, err := m.Commit(t.Context(), op); err != nil {
			t.Fatal(err)
		}
		fmt.Println(n)
	}
}
