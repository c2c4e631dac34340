package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coxswain-k8s/coxswain/test/env"
)

// shared is the cluster of all tests that do not break it.
var shared *env.Cluster

func TestMain(m *testing.M) {
	if os.Geteuid() != 0 {
		fmt.Println("SKIPPED: the end-to-end tests start containers and need root")
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	var err error
	if shared, err = env.NewCluster(ctx, octet()); err != nil {
		fmt.Fprintln(os.Stderr, "starting the cluster:", err)
		os.Exit(1)
	}
	code := m.Run()
	if refused := denials(shared.Log()); len(refused) > 0 && code == 0 {
		fmt.Printf("--- parts of the server were denied what they tried:\n%s\n", strings.Join(refused, ""))
		code = 1
	}
	if code != 0 {
		fmt.Printf("--- the server's log\n%s\n", shared.Log())
	}
	if err := shared.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "removing the cluster:", err)
		code = 1
	}
	os.Exit(code)
}

// octet sets the machine of this run apart from others: E2E_OCTET, or 77.
func octet() int {
	var n int
	if _, err := fmt.Sscan(os.Getenv("E2E_OCTET"), &n); err != nil {
		return 77
	}
	return n
}
