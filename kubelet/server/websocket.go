package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"

	"github.com/go-logr/logr"
	"golang.org/x/net/websocket"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cri-streaming/pkg/streaming/portforward"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/spdy"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

const (
	spdyProtocol   = "SPDY/3.1"
	tunnelProtocol = portforward.WebsocketsSPDYTunnelingPortForwardV1
)

func spdyHeader(protocol string) http.Header {
	return http.Header{
		httpstream.HeaderConnection:      {httpstream.HeaderUpgrade},
		httpstream.HeaderUpgrade:         {spdyProtocol},
		httpstream.HeaderProtocolVersion: {protocol},
	}
}

// tunnelPortForward carries the SPDY connection that a client speaks inside of websocket messages to the runtime.
func (s *Server) tunnelPortForward(w http.ResponseWriter, r *http.Request, target string) {
	s.streams.Add(1)
	defer s.streams.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	runtime, _, err := dialUpgrade(ctx, http.MethodPost, target, spdyHeader(portforward.ProtocolV1Name))
	if err != nil {
		refuse(w, err)
		return
	}
	defer runtime.Close()
	websocket.Server{
		Handshake: func(config *websocket.Config, _ *http.Request) error {
			if !slices.Contains(config.Protocol, tunnelProtocol) {
				return fmt.Errorf("unsupported websocket protocols %v", config.Protocol)
			}
			config.Protocol = []string{tunnelProtocol}
			return nil
		},
		Handler: func(conn *websocket.Conn) {
			conn.PayloadType = websocket.BinaryFrame
			context.AfterFunc(ctx, func() { conn.Close() })
			splice(runtime, conn)
		},
	}.ServeHTTP(w, r)
}

// translateRemoteCommand serves exec and attach in the websocket protocol v5.channel.k8s.io, which the runtime does not
// speak, by the SPDY protocol v4.channel.k8s.io, which it does. The websocket is only accepted once the runtime's side
// stands, so that a refusal is a plain HTTP answer.
func (s *Server) translateRemoteCommand(w http.ResponseWriter, r *http.Request, target string, streams stdio) {
	s.streams.Add(1)
	defer s.streams.Done()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	conn, _, err := dialUpgrade(ctx, http.MethodPost, target, spdyHeader(remotecommand.StreamProtocolV4Name))
	if err != nil {
		refuse(w, err)
		return
	}
	defer conn.Close()
	runtime, err := spdy.NewClientConnection(conn)
	if err != nil {
		refuse(w, err)
		return
	}
	defer runtime.Close()
	process, err := openProcess(runtime, streams)
	if err != nil {
		refuse(w, err)
		return
	}
	client := wsstream.NewConn(map[string]wsstream.ChannelProtocolConfig{
		remotecommand.StreamProtocolV5Name: {Binary: true, Channels: channelTypes(streams)},
	})
	_, channels, err := client.Open(w, r)
	if err != nil {
		logr.FromContextOrDiscard(ctx).V(1).Info("Accepting a websocket failed", "error", err.Error())
		return
	}
	defer client.Close()
	context.AfterFunc(ctx, func() { client.Close() })
	process.connect(runtime, channels)
}

func channelTypes(streams stdio) []wsstream.ChannelType {
	channels := make([]wsstream.ChannelType, 5)
	use := func(channel int, kind wsstream.ChannelType, wanted bool) {
		if wanted {
			channels[channel] = kind
		}
	}
	use(remotecommand.StreamStdIn, wsstream.ReadChannel, streams.stdin)
	use(remotecommand.StreamStdOut, wsstream.WriteChannel, streams.stdout)
	use(remotecommand.StreamStdErr, wsstream.WriteChannel, streams.stderr)
	use(remotecommand.StreamErr, wsstream.ReadWriteChannel, true) // reading it ends when the client goes away
	use(remotecommand.StreamResize, wsstream.ReadChannel, streams.tty)
	return channels
}

// process is a running command's streams at the runtime; those that were not asked for are nil.
type process struct {
	stdin, stdout, stderr, status, resize httpstream.Stream
}

func openProcess(runtime httpstream.Connection, streams stdio) (*process, error) {
	p := &process{}
	open := func(kind string, wanted bool) (httpstream.Stream, error) {
		if !wanted {
			return nil, nil
		}
		return runtime.CreateStream(http.Header{remotecommand.StreamType: {kind}})
	}
	var errs [5]error
	p.status, errs[0] = open(remotecommand.StreamTypeError, true)
	p.stdin, errs[1] = open(remotecommand.StreamTypeStdin, streams.stdin)
	p.stdout, errs[2] = open(remotecommand.StreamTypeStdout, streams.stdout)
	p.stderr, errs[3] = open(remotecommand.StreamTypeStderr, streams.stderr)
	p.resize, errs[4] = open(remotecommand.StreamTypeResize, streams.tty)
	return p, errors.Join(errs[:]...)
}

// connect copies until the process has ended and its output and status are delivered, or the client has gone.
func (p *process) connect(runtime httpstream.Connection, channels []io.ReadWriteCloser) {
	copyIn := func(stream httpstream.Stream, channel io.Reader) {
		if stream != nil {
			_, _ = io.Copy(stream, channel)
			_ = stream.Close() // the end of the input, not of the stream's other direction
		}
	}
	go copyIn(p.stdin, channels[remotecommand.StreamStdIn])
	go copyIn(p.resize, channels[remotecommand.StreamResize])
	go func() {
		_, _ = io.Copy(io.Discard, channels[remotecommand.StreamErr])
		runtime.Close()
	}()
	var output sync.WaitGroup
	copyOut := func(channel io.Writer, stream httpstream.Stream) {
		if stream != nil {
			output.Go(func() { _, _ = io.Copy(channel, stream) })
		}
	}
	copyOut(channels[remotecommand.StreamStdOut], p.stdout)
	copyOut(channels[remotecommand.StreamStdErr], p.stderr)
	status, err := io.ReadAll(io.LimitReader(p.status, maxErrorBody))
	output.Wait()
	if len(status) == 0 {
		status = lostStatus(err)
	}
	_, _ = channels[remotecommand.StreamErr].Write(status)
}

// lostStatus is what a client is told when the runtime went away before it said how the process ended.
func lostStatus(err error) []byte {
	message := "the container runtime ended the connection without an exit status"
	if err != nil {
		message += ": " + err.Error()
	}
	data, _ := json.Marshal(metav1.Status{ // of plain strings: cannot fail
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"},
		Status:   metav1.StatusFailure, Reason: metav1.StatusReasonInternalError, Code: http.StatusInternalServerError, Message: message,
	})
	return data
}
