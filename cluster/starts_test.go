package cluster

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
)

// Who makes room waits for all that are on their way, and for nobody where none is.
func TestMakingRoom(t *testing.T) {
	var s starts
	s.makeRoom(t.Context())
	first, second := s.begin(), s.begin()
	ended := s.ended
	first()
	first()
	select {
	case <-ended:
		t.Fatal("one of two has ended, and nobody waits for the other")
	default:
	}
	leaving, leave := context.WithCancel(t.Context())
	leave()
	s.makeRoom(leaving)
	second()
	<-ended
	s.makeRoom(t.Context())
	s.begin()()
	if s.many != 0 || s.ended != nil {
		t.Errorf("%d are under way", s.many)
	}
}

// A control plane in a bubble and others outside start beside each other: to wait for a channel of a bubble ends the process.
func TestMakingRoomBesideABubble(t *testing.T) {
	began, waited := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(waited)
		<-began
		leaving, leave := context.WithCancel(context.Background())
		leave()
		startsBeside(&Options{}).makeRoom(leaving)
	}()
	synctest.Test(t, func(*testing.T) {
		var inMemory Options
		inMemory.Listener = &net.TCPListener{}
		defer startsBeside(&inMemory).begin()()
		close(began)
		<-waited
	})
}
