package etcd_test

import (
	"bytes"
	"net"
	"path/filepath"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// Who waits for changes at the socket may ask whether the member is there as often as the member's settings allow: gRPC's own bound is
// five minutes, and who asks three times before is thrown out.
func TestSocketLetsClientsAskWhetherItIsThere(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(t.TempDir(), "s")
	embed(t, etcd.Config{Socket: socket, UnsafeNoFsync: true, Settings: map[string]string{"grpc-keepalive-min-time": "1ns"}})
	connection, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	frames := beginWatch(t, connection)
	for asked := range 6 {
		if err := frames.WritePing(false, [8]byte{byte(asked)}); err != nil {
			t.Fatal(err)
		}
		awaitPing(t, frames)
	}
}

// beginWatch opens a connection and calls Watch on it, with nothing to watch yet.
func beginWatch(t *testing.T, connection net.Conn) *http2.Framer {
	t.Helper()
	if _, err := connection.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	frames := http2.NewFramer(connection, connection)
	if err := frames.WriteSettings(); err != nil {
		t.Fatal(err)
	}
	var block bytes.Buffer
	headers := hpack.NewEncoder(&block)
	for _, h := range [][2]string{
		{":method", "POST"}, {":scheme", "http"}, {":path", "/etcdserverpb.Watch/Watch"}, {":authority", "localhost"},
		{"content-type", "application/grpc"}, {"te", "trailers"},
	} {
		if err := headers.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := frames.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block.Bytes(), EndHeaders: true}); err != nil {
		t.Fatal(err)
	}
	return frames
}

// awaitPing reads until the server says that it is there.
func awaitPing(t *testing.T, frames *http2.Framer) {
	t.Helper()
	for {
		frame, err := frames.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		switch frame := frame.(type) {
		case *http2.PingFrame:
			if frame.IsAck() {
				return
			}
		case *http2.GoAwayFrame:
			t.Fatalf("thrown out: %v %s", frame.ErrCode, frame.DebugData())
		}
	}
}
