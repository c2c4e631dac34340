package credentials

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// kubeconfigText wants an authority, a URL, a certificate and a key. Nothing in them has to be quoted, and a library of YAML would take
// a fortieth of what a start costs.
const kubeconfigText = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: coxswain
contexts:
- context:
    cluster: coxswain
    user: admin
  name: coxswain
current-context: coxswain
kind: Config
users:
- name: admin
  user:
    client-certificate-data: %s
    client-key-data: %s
`

// WriteKubeconfig gives the holder of a client certificate access to the API server at url, in a file that only
// its owner can read.
func WriteKubeconfig(name, url string, authority []byte, client *pki.Pair) error {
	encode := base64.StdEncoding.EncodeToString
	content := fmt.Appendf(nil, kubeconfigText, encode(authority), url, encode(client.CertPEM), encode(client.KeyPEM))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(name+".new", content, 0o600); err != nil {
		return fmt.Errorf("writing kubeconfig: %w", err)
	}
	return os.Rename(name+".new", name)
}
