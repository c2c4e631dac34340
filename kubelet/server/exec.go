package server

import (
	"fmt"
	"net/http"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/streaming/pkg/httpstream"
	"k8s.io/streaming/pkg/httpstream/wsstream"
)

func containerRef(r *http.Request) ContainerRef {
	return ContainerRef{
		Namespace: r.PathValue("namespace"), Pod: r.PathValue("pod"),
		UID: types.UID(r.PathValue("uid")), Container: r.PathValue("container"),
	}
}

// stdio is which of a process's streams a client asked for.
type stdio struct{ stdin, stdout, stderr, tty bool }

func streamsOf(r *http.Request) (stdio, error) {
	query := r.URL.Query()
	s := stdio{isTrue(query.Get("input")), isTrue(query.Get("output")), isTrue(query.Get("error")), isTrue(query.Get("tty"))}
	if s.tty {
		s.stderr = false // a terminal has one output
	}
	if !s.stdin && !s.stdout && !s.stderr {
		return s, apierrors.NewBadRequest("you must specify at least 1 of stdin, stdout, stderr")
	}
	return s, nil
}

func (s *Server) exec(w http.ResponseWriter, r *http.Request) {
	streams, err := streamsOf(r)
	if err != nil {
		fail(w, err)
		return
	}
	url, err := s.Backend.ExecURL(r.Context(), containerRef(r), &runtimeapi.ExecRequest{
		Cmd: r.URL.Query()["command"], Tty: streams.tty, Stdin: streams.stdin, Stdout: streams.stdout, Stderr: streams.stderr,
	})
	s.remoteCommand(w, r, url, err, streams)
}

func (s *Server) attach(w http.ResponseWriter, r *http.Request) {
	streams, err := streamsOf(r)
	if err != nil {
		fail(w, err)
		return
	}
	url, err := s.Backend.AttachURL(r.Context(), containerRef(r), &runtimeapi.AttachRequest{
		Tty: streams.tty, Stdin: streams.stdin, Stdout: streams.stdout, Stderr: streams.stderr,
	})
	s.remoteCommand(w, r, url, err, streams)
}

func (s *Server) remoteCommand(w http.ResponseWriter, r *http.Request, url string, err error, streams stdio) {
	switch {
	case err != nil:
		fail(w, err)
	case !upgrade(w, r):
	case wsstream.IsWebSocketRequestWithStreamCloseProtocol(r):
		s.translateRemoteCommand(w, r, url, streams)
	default:
		s.proxyUpgrade(w, r, url)
	}
}

func (s *Server) portForward(w http.ResponseWriter, r *http.Request) {
	var ports []int32
	for _, text := range append(r.URL.Query()["port"], r.URL.Query()["ports"]...) {
		port, err := strconv.ParseUint(text, 10, 16)
		if err != nil || port == 0 {
			fail(w, apierrors.NewBadRequest(fmt.Sprintf("invalid port %q", text)))
			return
		}
		ports = append(ports, int32(port))
	}
	if !upgrade(w, r) {
		return
	}
	url, err := s.Backend.PortForwardURL(r.Context(), containerRef(r), ports)
	switch {
	case err != nil:
		fail(w, err)
	case wsstream.IsWebSocketRequestWithTunnelingProtocol(r):
		s.tunnelPortForward(w, r, url)
	default:
		s.proxyUpgrade(w, r, url)
	}
}

// upgrade says whether the request wants its connection upgraded, and answers it when it does not.
func upgrade(w http.ResponseWriter, r *http.Request) bool {
	if httpstream.IsUpgradeRequest(r) {
		return true
	}
	fail(w, apierrors.NewBadRequest("Upgrade request required"))
	return false
}
