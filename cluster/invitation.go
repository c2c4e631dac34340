package cluster

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// NodeTokenGroup is what the holders of a token that lets nodes join belong to, as kubeadm calls it.
const NodeTokenGroup = "system:bootstrappers:kubeadm:default-node-token"

// openToken reads or makes the token with which agents join, and keeps it with the hash of the authority in DataDir/token.
func openToken(o *Options, authority []byte) (join.Token, error) {
	file := filepath.Join(o.DataDir, "token")
	text := o.Token
	if text == "" {
		data, err := os.ReadFile(file)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return join.Token{}, fmt.Errorf("reading the token: %w", err)
		}
		text = strings.TrimSpace(string(data))
	}
	var token join.Token
	var err error
	if text == "" {
		token, err = join.NewToken()
	} else {
		token, err = join.ParseToken(text)
	}
	if err != nil {
		return token, err
	}
	if o.Ephemeral {
		return token, nil
	}
	if err := os.WriteFile(file+".new", []byte(token.Pinned(authority)+"\n"), 0o600); err != nil {
		return token, fmt.Errorf("writing the token: %w", err)
	}
	return token, os.Rename(file+".new", file)
}

// joinSecret lets whoever shows the server's token ask for the certificate of a node.
func (c *controlPlane) joinSecret() client.Object {
	return BootstrapSecret(c.certificates.join, map[string]string{
		bootstrap.BootstrapTokenDescriptionKey: "The token of the server, kept in its data folder.",
	}, bootstrap.KnownTokenUsages, []string{NodeTokenGroup})
}

// BootstrapSecret is the Secret of a bootstrap token. more are further keys, such as its description and expiration.
func BootstrapSecret(token join.Token, more map[string]string, usages, groups []string) *corev1.Secret {
	data := map[string][]byte{
		bootstrap.BootstrapTokenIDKey: []byte(token.ID), bootstrap.BootstrapTokenSecretKey: []byte(token.Secret),
	}
	for key, value := range more {
		if value != "" {
			data[key] = []byte(value)
		}
	}
	for _, usage := range usages {
		data[bootstrap.BootstrapTokenUsagePrefix+usage] = []byte("true")
	}
	if len(groups) > 0 {
		data[bootstrap.BootstrapTokenExtraGroupsKey] = []byte(strings.Join(groups, ","))
	}
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: bootstrap.BootstrapTokenSecretPrefix + token.ID},
		Type:       bootstrap.SecretTypeBootstrapToken, Data: data,
	}
}

// clusterInfo is what anybody may read: where the API server is, and its authority. The bootstrap signer signs it.
func (c *controlPlane) clusterInfo() client.Object {
	server := "https://" + net.JoinHostPort(c.options.AdvertiseAddress, strconv.Itoa(c.options.HTTPSListenPort))
	text := fmt.Sprintf(clusterInfoText, base64.StdEncoding.EncodeToString(c.certificates.authority.CertPEM), server)
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
func (c *controlPlane) sharedConfig() client.Object {
	return &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: options.SharedName},
		Data:       c.options.Shared.Data(),
	}
}
