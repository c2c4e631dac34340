package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/cluster/programs"
)

// TestMain is kubectl where a test starts it as that.
func TestMain(m *testing.M) {
	if os.Getenv("TEST_KUBECTL") != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// TestRefusedConnectionsAreAdvised: kubectl alone names localhost:8080, which nobody has heard of.
func TestRefusedConnectionsAreAdvised(t *testing.T) {
	const server = "--server=http://127.0.0.1:1" // nobody listens there, whoever else takes ports
	for _, test := range []struct {
		args    []string
		advised bool
	}{
		{[]string{"get", "pods"}, true},
		{[]string{"get", "pods", "--no-such-flag"}, false},
		{[]string{"create", "configmap"}, false},
	} {
		command := exec.Command(os.Args[0], append(test.args, server, "--cache-dir="+t.TempDir())...)
		command.Env = append(os.Environ(), "TEST_KUBECTL=1", "KUBECONFIG=/dev/null", programs.RefusedAdvice+"=Start one.")
		var problems bytes.Buffer
		command.Stderr = &problems
		var exit *exec.ExitError
		if err := command.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
			t.Errorf("%v: %v, want 1\n%s", test.args, err, problems.String())
		}
		if strings.HasSuffix(problems.String(), " was refused - did you specify the right host or port?\nStart one.\n") != test.advised {
			t.Errorf("%v: advised should be %t:\n%s", test.args, test.advised, problems.String())
		}
	}
}
