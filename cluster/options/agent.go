package options

import (
	"errors"
	"fmt"

	"github.com/coxswain-k8s/coxswain/cluster/join"
)

// AgentOptions say what node to run, and of which cluster. The JSON names are those of the command line and of its --config
// file.
type AgentOptions struct {
	NodeOptions
	// Servers are the URLs of API servers. Those that the cluster names are added, and remembered for the next start.
	Servers []string `json:"server,omitempty"`
	// Token with which the node joins, once: abcdef.0123456789abcdef, or with the hash of the authority before it.
	Token string `json:"token,omitempty"`
	// CACertHashes pin the cluster's authority by its public key, as kubeadm does: sha256:<64 hexadecimal digits>.
	CACertHashes []string `json:"discovery-token-ca-cert-hash,omitempty"`
	// Flags are those of the command line with their values, which the kubelet's /flagz tells, secrets left out; nil where there is none.
	Flags func() map[string]string `json:"-"`
}

// DefaultAgent returns the options of `coxswain agent` without flags.
func DefaultAgent() AgentOptions { return AgentOptions{NodeOptions: defaultNode()} }

// Validate returns everything that is wrong with completed options.
func (o *AgentOptions) Validate() error {
	wrong := []error{o.validate(agentDisableable)}
	if _, err := join.ParseServers(o.Servers); err != nil {
		wrong = append(wrong, fmt.Errorf("--server: %w", err))
	}
	if o.Token != "" {
		if _, err := join.ParseToken(o.Token); err != nil {
			wrong = append(wrong, fmt.Errorf("--token: %w", err))
		}
	}
	for _, hash := range o.CACertHashes {
		if !join.IsHash(hash) {
			wrong = append(wrong, fmt.Errorf("--discovery-token-ca-cert-hash=%s: want sha256: and 64 hexadecimal digits", hash))
		}
	}
	return errors.Join(wrong...)
}
