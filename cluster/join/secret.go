package join

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	bootstrap "k8s.io/cluster-bootstrap/token/api"
)

// NodeGroup is what the holders of a token that lets nodes join belong to, as kubeadm calls it.
const NodeGroup = "system:bootstrappers:kubeadm:default-node-token"

// Secret is the Secret of a bootstrap token. more are further keys, such as its description and expiration.
func Secret(token Token, more map[string]string, usages, groups []string) *corev1.Secret {
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
