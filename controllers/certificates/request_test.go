package certificates

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
)

// TestWhatSignersSign: a signer refuses what it must not sign, whoever approved it.
func TestWhatSignersSign(t *testing.T) {
	client := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	server := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth}
	component, kubelet, serving := NodeComponentSigner, certificatesv1.KubeAPIServerClientKubeletSignerName, certificatesv1.KubeletServingSignerName
	for name, test := range map[string]struct {
		signer, user, groups string
		usages               []certificatesv1.KeyUsage
		ip                   string
		want                 string
	}{
		"a proxy":                             {component, "system:kube-proxy", "", client, "", ""},
		"a name server":                       {component, "coxswain:dns", "", client, "", ""},
		"an administrator as a component":     {component, "admin", "", client, "", "subject is not one of"},
		"a component in a group":              {component, "system:kube-proxy", "system:masters", client, "", "subject is not one of"},
		"a component with an address":         {component, "coxswain:dns", "", client, "10.0.0.1", "IP subjectAltNames are not allowed"},
		"a component that serves":             {component, "coxswain:dns", "", server, "", "invalid usage for client certificate: server auth"},
		"a kubelet":                           {kubelet, "system:node:n", "system:nodes", client, "", ""},
		"a kubelet in another group":          {kubelet, "system:node:n", "system:masters", client, "", "subject organization is not system:nodes"},
		"somebody who is no node":             {kubelet, "admin", "system:nodes", client, "", "system:node:"},
		"a kubelet's port":                    {serving, "system:node:n", "system:nodes", server, "10.0.0.1", ""},
		"a kubelet's port without a name":     {serving, "system:node:n", "system:nodes", server, "", "DNS or IP subjectAltName is required"},
		"a kubelet's port that is a client":   {serving, "system:node:n", "system:nodes", client, "10.0.0.1", "usages did not match [digital signature key encipherment server auth]"},
		"somebody without the usage":          {certificatesv1.KubeAPIServerClientSignerName, "admin", "", server[:1], "", "missing required usage for client certificate: client auth"},
		"a kubelet with an address":           {kubelet, "system:node:n", "system:nodes", client, "10.0.0.1", "IP subjectAltNames are not allowed"},
		"a kubelet that serves, too":          {kubelet, "system:node:n", "system:nodes", append(server, client...), "", "usages did not match [client auth digital signature key encipherment]"},
		"a signer that we know nothing about": {"example.com/x", "system:node:n", "system:nodes", client, "", "unknown signer"},
	} {
		t.Run(name, func(t *testing.T) {
			request := &x509.CertificateRequest{Subject: pkix.Name{CommonName: test.user}}
			if test.groups != "" {
				request.Subject.Organization = []string{test.groups}
			}
			if test.ip != "" {
				request.IPAddresses = []net.IP{net.ParseIP(test.ip)}
			}
			err := validate(test.signer, request, test.usages)
			if (err != nil) != (test.want != "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
