package foundation

import (
	"context"
	"encoding/json"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// TellAuthorities brings up to date by whom extension API servers know us.
func (o *Objects) TellAuthorities(ctx context.Context, writer client.Client) error {
	wanted, err := o.authenticationConfig()
	if err != nil {
		return err
	}
	return ensure(ctx, writer, wanted)
}

func (o *Objects) authenticationConfig() (client.Object, error) {
	data, err := o.requestHeaderConfig()
	if err != nil {
		return nil, err
	}
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "extension-apiserver-authentication"}, Data: data}, nil
}

// requestHeaderConfig tells the servers of APIServices how to know this one and the front proxies beside it, and whom they speak for.
func (o *Objects) requestHeaderConfig() (map[string]string, error) {
	proxies := options.RequestHeaderOptions{
		RequestHeaderAllowedNames: []string{identity.FrontProxyName}, RequestHeaderUsernameHeaders: []string{"X-Remote-User"}, RequestHeaderUIDHeaders: []string{"X-Remote-Uid"},
		RequestHeaderGroupHeaders: []string{"X-Remote-Group"}, RequestHeaderExtraHeaderPrefixes: []string{"X-Remote-Extra-"},
	}
	proxies.Add(&o.Options.RequestHeaderOptions)
	data := map[string]string{
		"client-ca-file": string(o.Certificates.Clients.PEM()), "requestheader-client-ca-file": string(o.Certificates.FrontProxy.CertPEM) + string(o.Certificates.Proxies.PEM()),
	}
	for key, values := range map[string][]string{
		"requestheader-allowed-names": proxies.RequestHeaderAllowedNames, "requestheader-username-headers": proxies.RequestHeaderUsernameHeaders,
		"requestheader-uid-headers": proxies.RequestHeaderUIDHeaders, "requestheader-group-headers": proxies.RequestHeaderGroupHeaders,
		"requestheader-extra-headers-prefix": proxies.RequestHeaderExtraHeaderPrefixes,
	} {
		text, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		data[key] = string(text)
	}
	return data, nil
}
