package foundation

import (
	"encoding/base64"
	"fmt"
	"net"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// invites says whether machines may join. None joins an API server alone, which holds what upstream's holds: tests of operators count Secrets and ConfigMaps.
func (o *Objects) invites() bool {
	return o.Options.EnableBootstrapTokenAuth || o.Options.Enabled(options.Agent)
}

// joinSecret lets whoever shows the server's token ask for the certificate of a node.
func (o *Objects) joinSecret() client.Object {
	return join.Secret(o.Certificates.Join, map[string]string{
		bootstrap.BootstrapTokenDescriptionKey: "The token of the server, kept in its data folder.",
	}, bootstrap.KnownTokenUsages, []string{join.NodeGroup})
}

// clusterInfo is what anybody may read: where the API server is, and its authority. The bootstrap signer signs it.
func (o *Objects) clusterInfo() client.Object {
	server := "https://" + net.JoinHostPort(o.Options.AdvertiseAddress, strconv.Itoa(o.Options.HTTPSListenPort))
	text := fmt.Sprintf(clusterInfoText, base64.StdEncoding.EncodeToString(o.Certificates.Authority.CertPEM), server)
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespacePublic, Name: bootstrap.ConfigMapClusterInfo},
		Data:       map[string]string{bootstrap.KubeConfigKey: text},
	}
}

// clusterInfoText wants an authority and a URL.
const clusterInfoText = `apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: %s
    server: %s
  name: ""
contexts: null
current-context: ""
kind: Config
preferences: {}
users: null
`

// sharedConfig tells agents what all nodes have in common.
func (o *Objects) sharedConfig() client.Object {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: options.SharedName},
		Data:       o.Options.Shared.Data(),
	}
}
