package sockets

import (
	"net"
	"path/filepath"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// scarce has no descriptors left for the first that call.
type scarce struct {
	net.Listener
	times int
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.times > 0 {
		s.times--
		return nil, &net.OpError{Op: "accept", Net: "unix", Err: syscall.EMFILE}
	}
	return s.Listener.Accept()
}

// A call that could not be taken for want of descriptors does not end the socket: the next is answered.
func TestFirstCallIsAwaitedAgain(t *testing.T) {
	listener, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	s := on(&scarce{Listener: listener, times: 2}, func() *grpc.Server {
		made++
		server := grpc.NewServer()
		healthpb.RegisterHealthServer(server, health.NewServer())
		return server
	})
	client, err := grpc.NewClient("unix:"+listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := healthpb.NewHealthClient(client).Check(t.Context(), &healthpb.HealthCheckRequest{}); err != nil {
		t.Error(err)
	}
	s.Close()
	if made != 1 {
		t.Errorf("what answers was made %d times", made)
	}
}
