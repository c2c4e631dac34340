package encrypted

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/validation/field"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/kms"
)

// pluginTimeout is that of one call, where the file says nothing else.
const pluginTimeout = 3 * time.Second

// given counts what one entry names, which must be one thing.
func given(p *apiserverv1.ProviderConfiguration) int {
	n := 0
	for _, is := range []bool{p.AESGCM != nil, p.AESCBC != nil, p.Secretbox != nil, p.Identity != nil, p.KMS != nil} {
		if is {
			n++
		}
	}
	return n
}

// newPlugin makes the transformer of a key management service.
func (c *Configuration) newPlugin(k *apiserverv1.KMSConfiguration, path *field.Path, plugins Plugins) ([]value.PrefixTransformer, error) {
	timeout := pluginTimeout
	if k.Timeout != nil {
		timeout = k.Timeout.Duration
	}
	if err := c.checkPlugin(k, timeout, path); err != nil {
		return nil, err
	}
	if plugins.Metrics == nil {
		return nil, field.Forbidden(path, "key management services cannot be reached from here")
	}
	p, err := kms.New(kms.Config{
		Name: k.Name, Endpoint: k.Endpoint, Timeout: timeout, Clock: plugins.Clock, Metrics: plugins.Metrics, Changed: plugins.Changed,
	})
	if err != nil {
		return nil, err
	}
	c.providers, c.names = append(c.providers, p), append(c.names, k.Name)
	return []value.PrefixTransformer{{Transformer: p, Prefix: []byte(kms.Prefix(k.Name))}}, nil
}

func (c *Configuration) checkPlugin(k *apiserverv1.KMSConfiguration, timeout time.Duration, path *field.Path) error {
	switch k.APIVersion {
	case "v2":
	case "", "v1":
		return fmt.Errorf("%s: KMSv1 is deprecated and will only receive security updates going forward. Use KMSv2 instead", path.Child("apiVersion"))
	default:
		return field.Invalid(path.Child("apiVersion"), k.APIVersion, "unsupported apiVersion apiVersion for KMS provider, only v1 and v2 are supported")
	}
	switch {
	case k.Name == "":
		return field.Required(path.Child("name"), "name is a mandatory field for a provider")
	case strings.Contains(k.Name, ":"):
		return field.Invalid(path.Child("name"), k.Name, fmt.Sprintf("invalid KMS provider name %s, must not contain ':'", k.Name))
	case slices.Contains(c.names, k.Name):
		return field.Invalid(path.Child("name"), k.Name, fmt.Sprintf("duplicate KMS provider name %s, names must be unique", k.Name))
	case timeout <= 0:
		return field.Invalid(path.Child("timeout"), timeout.String(), "timeout should be a positive value")
	case k.Endpoint == "":
		return field.Invalid(path.Child("endpoint"), "", "endpoint is a mandatory field for a kms")
	case k.CacheSize != nil:
		return field.Invalid(path.Child("cachesize"), *k.CacheSize, "cachesize is not supported in v2")
	}
	if _, err := kms.SocketOf(k.Endpoint); err != nil {
		return field.Invalid(path.Child("endpoint"), k.Endpoint, err.Error())
	}
	return nil
}
