package cluster

import (
	"context"
	"testing"
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
