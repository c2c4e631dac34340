// Package server is the kubelet's own port: logs, exec, attach, port-forward, statistics and health of this node.
//
// It owns the listener, its TLS, and the authentication (client certificate, or bearer token by TokenReview) and
// authorization (SubjectAccessReview on nodes and their subresources) of every request. It reads container log
// files and what Backend and stats.Provider tell. It writes nothing but those reviews, and never follows a redirect.
package server
