package network

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/coxswain-k8s/coxswain/network/cni"
)

// configList is the file's form. Runtimes that know version 1.1.0 use it, older ones 1.0.0.
type configList struct {
	CNIVersion  string         `json:"cniVersion"`
	CNIVersions []string       `json:"cniVersions"`
	Name        string         `json:"name"`
	Plugins     []pluginConfig `json:"plugins"`
}

type pluginConfig struct {
	Type         string          `json:"type"`
	Bridge       string          `json:"bridge"`
	MTU          int             `json:"mtu,omitempty"`
	Ranges       []netip.Prefix  `json:"ranges"`
	DataDir      string          `json:"dataDir"`
	Capabilities map[string]bool `json:"capabilities"`
}

// writeConfig writes the file unless it is as it should be. The runtime sees the old one or the new one.
func (n *Network) writeConfig(own []netip.Prefix, mtu int) error {
	data, err := json.MarshalIndent(configList{
		CNIVersion: "1.0.0", CNIVersions: []string{"1.0.0", "1.1.0"}, Name: defaultNetworkName,
		Plugins: []pluginConfig{{
			Type: cni.Type, Bridge: n.bridge(), MTU: mtu, Ranges: own, DataDir: n.dataDir(),
			Capabilities: map[string]bool{"portMappings": true},
		}},
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the network's configuration: %w", err)
	}
	data = append(data, '\n')
	file := n.configFile()
	old, err := os.ReadFile(file)
	if err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("reading the network's configuration: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the folder of network configurations: %w", err)
	}
	// The name has no extension that the runtime looks for.
	next := file + ".new"
	if err := os.WriteFile(next, data, 0o644); err != nil {
		return fmt.Errorf("writing the network's configuration: %w", err)
	}
	if err := os.Rename(next, file); err != nil {
		return fmt.Errorf("replacing the network's configuration: %w", err)
	}
	return nil
}
