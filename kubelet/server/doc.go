// Package server is the kubelet's own port: logs, exec, attach, port-forward, statistics and health of this node.
//
// It owns the listener, its TLS, and the authentication (client certificate, or bearer token by TokenReview) and
// authorization (SubjectAccessReview on nodes and their subresources) of every request. It reads container log
// files and what Backend and stats.Provider tell. It writes nothing but those reviews, and never follows a redirect.
//
// # Streams
//
// The runtime serves exec, attach and port-forward on a loopback port of its own; this package connects a client to it.
// What containerd 2.3 (k8s.io/cri-streaming v0.36) speaks there, and what clients speak:
//
//	client                                    runtime                        what happens here
//	exec, attach: SPDY v1 to v4               the same                       bytes are copied
//	exec, attach: websocket channel.k8s.io    the same, and its base64 and   bytes are copied
//	                                          v4 forms
//	exec, attach: websocket v5 (kubectl       not spoken: v5 adds the        translated to SPDY v4
//	since 1.31 tries it first)                half-close of standard input
//	port-forward: SPDY portforward.k8s.io     the same                       bytes are copied
//	port-forward: websocket v4.channel (one   the same                       bytes are copied
//	pair of channels for each port=)
//	port-forward: SPDY/3.1+portforward.k8s.io not spoken: SPDY frames        the frames are unpacked and sent on as
//	(kubectl since 1.31 tries it first)       inside of websocket messages   a plain SPDY upgrade
//
// The runtime's side is always opened first: its refusal reaches the client as an ordinary HTTP answer, and kubectl
// falls back to SPDY only where that helps.
package server
