package cni

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/coxswain-k8s/coxswain/network/ipam"
)

// Type is the plugin's name: of its program, and in configurations.
const Type = "coxswain-cni"

// Defaults of the configuration.
const (
	DefaultBridge  = "cni0"
	DefaultDataDir = "/run/coxswain/cni"
)

// Config is the plugin's configuration, as the network component writes it.
type Config struct {
	types.PluginConf
	// Bridge is the name of the link that the pods of this node share. Default: cni0.
	Bridge string `json:"bridge,omitempty"`
	// MTU of the bridge and the pods. Default: the kernel's.
	MTU int `json:"mtu,omitempty"`
	// Ranges are the node's share of the pods' networks, at most one per family. A pod gets an address of each.
	Ranges []netip.Prefix `json:"ranges"`
	// DataDir is where the addresses in use are kept, until the next boot. Default: /run/coxswain/cni.
	DataDir string `json:"dataDir,omitempty"`

	RuntimeConfig RuntimeConfig `json:"runtimeConfig,omitzero"`
}

// RuntimeConfig is what the runtime adds for one container.
type RuntimeConfig struct {
	PortMappings []ipam.HostPort `json:"portMappings,omitempty"`
}

func parse(data []byte) (*Config, error) {
	c := &Config{Bridge: DefaultBridge, DataDir: DefaultDataDir}
	if err := json.Unmarshal(data, c); err != nil {
		return nil, types.NewError(types.ErrDecodingFailure, "decoding the network configuration", err.Error())
	}
	if err := c.validate(); err != nil {
		return nil, types.NewError(types.ErrInvalidNetworkConfig, "invalid network configuration", err.Error())
	}
	return c, nil
}

func (c *Config) validate() error {
	if len(c.Ranges) == 0 {
		return errors.New("ranges: at least one is required")
	}
	families := map[bool]bool{}
	for _, r := range c.Ranges {
		if !r.IsValid() || r.Bits() > r.Addr().BitLen()-2 {
			return fmt.Errorf("ranges: %s has no room for pods", r)
		}
		if families[r.Addr().Is6()] {
			return errors.New("ranges: at most one per family")
		}
		families[r.Addr().Is6()] = true
	}
	return nil
}

// storeFolder is where the addresses of a network are kept.
func storeFolder(dataDir, network string) string { return filepath.Join(dataDir, network) }

func (c *Config) open() (*ipam.Store, error) { return ipam.Open(storeFolder(c.DataDir, c.Name)) }
