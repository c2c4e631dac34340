package certificates

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// newUser is who is given a certificate.
type newUser struct {
	name   string
	groups []string
	life   time.Duration
	server string
}

// kubeconfig is the administrator's with a certificate of the user's own, signed by the authority of the data folder.
func (u *newUser) kubeconfig(dataDir string) ([]byte, error) {
	if u.name == "" {
		return nil, errors.New("USER: the name is missing")
	}
	if u.life <= 0 {
		return nil, fmt.Errorf("--ttl=%s: a certificate has to end, later than now", u.life)
	}
	if u.server != "" {
		if _, err := join.ParseServers([]string{u.server}); err != nil {
			return nil, fmt.Errorf("--server: %w", err)
		}
	}
	config, err := clientcmd.LoadFromFile(filepath.Join(dataDir, "admin.kubeconfig"))
	if err != nil {
		return nil, fmt.Errorf("reading the administrator's kubeconfig: %w; run this on the server, or name its folder with --data-dir", err)
	}
	authority, err := pki.Read(filepath.Join(dataDir, "pki"), time.Now)
	if err != nil {
		return nil, err
	}
	pair, err := authority.Sign(pki.Request{Name: u.name, CommonName: u.name, Groups: u.groups, Client: true}, u.life)
	if err != nil {
		return nil, err
	}
	config.AuthInfos = map[string]*api.AuthInfo{u.name: {ClientCertificateData: pair.CertPEM, ClientKeyData: pair.KeyPEM}}
	for _, context := range config.Contexts {
		context.AuthInfo = u.name
	}
	for _, cluster := range config.Clusters {
		if u.server != "" {
			cluster.Server = u.server
		}
	}
	return clientcmd.Write(*config)
}
