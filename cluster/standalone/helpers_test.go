package standalone

import (
	"context"
	"net"
	"testing"
	"time"
)

// eventually tries until it works, for a minute.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); <-again.C {
		if err = try(); err == nil {
			return
		}
	}
	t.Fatalf("%s: %v", what, err)
}

// freePort is a port of an address of the loopback that nobody else uses.
func freePort(t *testing.T, address string) int {
	t.Helper()
	free, err := net.Listen("tcp", address+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = free.Close() }()
	return free.Addr().(*net.TCPAddr).Port
}

// runProgram runs one until what is returned is called.
func runProgram(t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ended := make(chan error, 1)
	ctx, end := context.WithCancel(t.Context())
	go func() { ended <- run(ctx) }()
	return func() {
		end()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
