package webhook

import (
	"fmt"
	"strings"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

// Credentials reads the kubeconfig that the configuration of a plugin names: whom the server is to webhooks, by the names of their
// servers. It returns nil where none is configured.
func Credentials(plugin string, from *configuration.File) (func(host string) *rest.Config, error) {
	var config struct {
		KubeConfigFile string `json:"kubeConfigFile"`
	}
	of := configuration.Type{Kind: "WebhookAdmissionConfiguration", Versions: []string{"apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1alpha1"}}
	if found, err := from.Decode(plugin, of, &config); err != nil || !found || config.KubeConfigFile == "" {
		return nil, err
	}
	users, err := clientcmd.LoadFromFile(from.Path(config.KubeConfigFile))
	if err == nil {
		err = clientcmd.ResolveLocalPaths(users)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig of the plugin %s: %w", plugin, err)
	}
	return func(host string) *rest.Config { return userFor(users, host) }, nil
}

// userFor finds the user of a server: by its name, by *.DOMAIN for a domain that it is in, the nearest first, or by *.
func userFor(users *clientcmdapi.Config, host string) *rest.Config {
	name, port, _ := strings.Cut(host, ":")
	suffix := ""
	if port != "" {
		suffix = ":" + port
	}
	wanted := []string{host}
	for domain := name; ; {
		_, above, found := strings.Cut(domain, ".")
		if !found {
			break
		}
		wanted = append(wanted, "*."+above+suffix)
		domain = above
	}
	for _, name := range append(wanted, "*") {
		if user := users.AuthInfos[name]; user != nil {
			return configOf(user)
		}
	}
	return nil
}

func configOf(user *clientcmdapi.AuthInfo) *rest.Config {
	return &rest.Config{
		Host:        "https://webhook", // not called: by its scheme, credentials are allowed
		BearerToken: user.Token, BearerTokenFile: user.TokenFile, Username: user.Username, Password: user.Password, ExecProvider: user.Exec,
		Impersonate: rest.ImpersonationConfig{UserName: user.Impersonate, UID: user.ImpersonateUID, Groups: user.ImpersonateGroups, Extra: user.ImpersonateUserExtra},
		TLSClientConfig: rest.TLSClientConfig{
			CertFile: user.ClientCertificate, KeyFile: user.ClientKey, CertData: user.ClientCertificateData, KeyData: user.ClientKeyData,
		},
	}
}
