package cluster

import (
	"fmt"
	"os"
	"path/filepath"

	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// writeKubeconfig gives the holder of a client certificate access to the API server at url, in a file that only
// its owner can read.
func writeKubeconfig(name, url string, authority []byte, client *pki.Pair) error {
	type entry map[string]any
	content, err := yaml.Marshal(entry{
		"apiVersion": "v1", "kind": "Config", "current-context": "coxswain",
		"clusters": []entry{{"name": "coxswain", "cluster": entry{"server": url, "certificate-authority-data": authority}}},
		"users":    []entry{{"name": "admin", "user": entry{"client-certificate-data": client.CertPEM, "client-key-data": client.KeyPEM}}},
		"contexts": []entry{{"name": "coxswain", "context": entry{"cluster": "coxswain", "user": "admin"}}},
	})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", content, 0o600); err != nil {
		return fmt.Errorf("writing kubeconfig: %w", err)
	}
	return os.Rename(name+".new", name)
}
