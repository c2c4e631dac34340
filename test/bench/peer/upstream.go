package peer

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
	"github.com/coxswain-k8s/coxswain/test/bench/load"
)

// Upstream is Kubernetes as its project builds it, over an etcd of its own. Where its defaults hold it back in a way that
// Coxswain is not (client limits of controllers and scheduler, leader election), they are lifted.
type Upstream struct {
	// Programs is the folder with etcd, kube-apiserver, kube-controller-manager and kube-scheduler.
	Programs string
	// APIServerOnly leaves out controllers and scheduler.
	APIServerOnly bool
	// FeatureGates of the API server, as its flag has them; empty for upstream's defaults.
	FeatureGates string
}

// Name implements Peer.
func (u Upstream) Name() string { return "upstream" }

// unlimited lets controllers and scheduler call as often as they can: by default it is 20 and 50 times a second.
var unlimited = []string{"--kube-api-qps=100000", "--kube-api-burst=100000", "--leader-elect=false"}

// silence lets nodes without a kubelet stay ready.
const silence = "--node-monitor-grace-period=1h"

// prepare implements Peer: it makes the certificates, which for upstream are not part of the start.
func (u Upstream) prepare(c *Control) error {
	authority, err := pki.Open(c.data("pki"), "kubernetes", time.Now)
	if err != nil {
		return err
	}
	serving := pki.Request{Name: "apiserver", CommonName: "kube-apiserver", Server: true,
		DNSNames:  []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local"},
		Addresses: []net.IP{net.ParseIP(c.machine.IP), net.ParseIP("127.0.0.1"), net.ParseIP("10.43.0.1")}}
	if _, err := authority.Leaf(serving); err != nil {
		return err
	}
	if _, err := pki.SigningKey(c.data("pki")); err != nil {
		return err
	}
	for name, groups := range map[string][]string{
		"kubernetes-admin": {"system:masters"}, "system:kube-controller-manager": nil, "system:kube-scheduler": nil,
	} {
		pair, err := authority.Leaf(pki.Request{Name: "client", CommonName: name, Groups: groups, Client: true})
		if err != nil {
			return err
		}
		if err := c.writeKubeconfig(name, authority, pair); err != nil {
			return err
		}
	}
	return nil
}

// writeKubeconfig writes the credentials of a user, named after it.
func (c *Control) writeKubeconfig(user string, authority *pki.Authority, pair *pki.Pair) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["upstream"] = &clientcmdapi.Cluster{Server: c.url(), CertificateAuthorityData: authority.CertPEM}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: pair.CertPEM, ClientKeyData: pair.KeyPEM}
	config.Contexts["upstream"] = &clientcmdapi.Context{Cluster: "upstream", AuthInfo: user}
	config.CurrentContext = "upstream"
	if err := clientcmd.WriteToFile(*config, c.kubeconfig(user)); err != nil {
		return fmt.Errorf("writing the kubeconfig of %s: %w", user, err)
	}
	return nil
}

func (c *Control) kubeconfig(user string) string { return c.data(user + ".kubeconfig") }

// launch implements Peer. Controllers and scheduler start when the API server is ready: started with it, they meet nobody,
// back off and are there seconds later.
func (u Upstream) launch(ctx context.Context, c *Control) error {
	keys := c.data("pki")
	file := func(name string) string { return filepath.Join(keys, name) }
	var gates []string
	if u.FeatureGates != "" {
		gates = []string{"--feature-gates=" + u.FeatureGates}
	}
	manager, scheduler := "system:kube-controller-manager", "system:kube-scheduler"
	for _, line := range [][]string{
		{"etcd", "--data-dir=" + c.data("etcd")},
		append([]string{"kube-apiserver", "--etcd-servers=http://127.0.0.1:2379", "--secure-port=" + port, "--advertise-address=" + c.machine.IP,
			"--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"), "--client-ca-file=" + file("ca.crt"),
			"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
			"--service-account-issuer=https://kubernetes.default.svc.cluster.local", "--service-account-key-file=" + file(signingKey),
			"--service-account-signing-key-file=" + file(signingKey), "--service-cluster-ip-range=" + serviceNet}, gates...),
		append([]string{"kube-controller-manager", "--kubeconfig=" + c.kubeconfig(manager), "--use-service-account-credentials=true",
			"--service-account-private-key-file=" + file(signingKey), "--root-ca-file=" + file("ca.crt"),
			"--cluster-signing-cert-file=" + file("ca.crt"), "--cluster-signing-key-file=" + file("ca.key"),
			"--allocate-node-cidrs=true", "--cluster-cidr=" + podNetwork, "--service-cluster-ip-range=" + serviceNet,
			silence}, unlimited...),
		append([]string{"kube-scheduler", "--kubeconfig=" + c.kubeconfig(scheduler)}, unlimited...),
	} {
		if _, err := os.Stat(filepath.Join(u.Programs, line[0])); err != nil {
			return fmt.Errorf("finding upstream's programs, which `make peers` builds: %w", err)
		}
		if line[0] == "kube-controller-manager" && u.APIServerOnly {
			return nil
		}
		if line[0] == "kube-controller-manager" {
			if err := c.waitReady(ctx); err != nil {
				return err
			}
		}
		if err := c.run(ctx, filepath.Join(u.Programs, line[0]), line[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// signingKey is the name of the key of service accounts' tokens.
const signingKey = "sa.key"

func (u Upstream) config(c *Control) (*rest.Config, error) {
	return load.Config(c.kubeconfig("kubernetes-admin"), c.url())
}
