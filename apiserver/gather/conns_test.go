package gather

import (
	"context"
	"errors"
	"io"
	"testing"
)

func TestFinishWaitsForConnectionsThatSend(t *testing.T) {
	server, client, _ := pair(t)
	conns := &Conns{}
	remove := conns.add(server)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if err := conns.Finish(over); err != nil {
		t.Errorf("an idle connection is waited for: %v", err)
	}
	if _, err := server.Write([]byte("the rest")); err != nil {
		t.Fatal(err)
	}
	if err := conns.Finish(over); !errors.Is(err, context.Canceled) {
		t.Errorf("a connection that sends is not waited for: %v", err)
	}
	finished := make(chan error, 1)
	go func() { finished <- conns.Finish(t.Context()) }()
	go func() {
		defer remove()
		server.Close()
	}()
	if got, err := io.ReadAll(client); err != nil || string(got) != "the rest" {
		t.Errorf("read %q: %v", got, err)
	}
	client.Close()
	if err := <-finished; err != nil {
		t.Error(err)
	}
	server.setActive(true)
	if (&Conns{open: map[*Conn]chan struct{}{server: nil}}).busy() != nil {
		t.Error("a closed connection is busy")
	}
}
