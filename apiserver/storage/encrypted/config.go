package encrypted

import (
	"crypto/aes"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
	"k8s.io/apiserver/pkg/storage/value"
	aestransformer "k8s.io/apiserver/pkg/storage/value/encrypt/aes"
	"k8s.io/apiserver/pkg/storage/value/encrypt/identity"
	"k8s.io/apiserver/pkg/storage/value/encrypt/secretbox"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/kms"
)

// Configuration says how the values of which resources are encrypted.
type Configuration struct {
	rules     []rule
	providers []*kms.Provider // in the order of the file
	names     []string        // of the providers
	hash      string

	mu    sync.RWMutex
	known map[schema.GroupResource]value.Transformer // by resource, once asked for
}

// rule is one entry of the file: resources, and how their values are stored.
type rule struct {
	resources   []schema.GroupResource // "*" stands for all resources, or all groups
	transformer value.Transformer
}

// Plugins says how key management services are reached; without Metrics, they are refused.
type Plugins struct {
	Clock   clock.WithTicker
	Metrics *kms.Metrics
	// Changed is called when a plugin has another key, or works again.
	Changed func()
}

// load reads and checks an EncryptionConfiguration, which is closed at the end.
func load(path string, plugins Plugins) (*Configuration, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the encryption configuration: %w", err)
	}
	file := &apiserverv1.EncryptionConfiguration{}
	if err := yaml.UnmarshalStrict(data, file); err != nil {
		return nil, fmt.Errorf("reading the encryption configuration %s: %w", path, err)
	}
	if file.Kind != "EncryptionConfiguration" || !slices.Contains([]string{"apiserver.config.k8s.io/v1", "v1"}, file.APIVersion) {
		return nil, fmt.Errorf("reading the encryption configuration %s: it is a %s of %s, want an EncryptionConfiguration of apiserver.config.k8s.io/v1", path, file.Kind, file.APIVersion)
	}
	c := &Configuration{known: map[schema.GroupResource]value.Transformer{}, hash: kms.Hash(string(data))}
	if err := c.read(file, plugins); err != nil {
		return nil, errors.Join(fmt.Errorf("reading the encryption configuration %s: %w", path, err), c.Close())
	}
	return c, nil
}

func (c *Configuration) read(file *apiserverv1.EncryptionConfiguration, plugins Plugins) error {
	root := field.NewPath("resources")
	if len(file.Resources) == 0 {
		return field.Required(root, "at least one resource must be provided")
	}
	for i, of := range file.Resources {
		r, err := c.newRule(of, root.Index(i), plugins)
		if err != nil {
			return err
		}
		c.rules = append(c.rules, r)
	}
	return nil
}

// Close ends the connections to plugins.
func (c *Configuration) Close() error {
	var err error
	for _, p := range c.providers {
		err = errors.Join(err, p.Close())
	}
	return err
}

func (c *Configuration) newRule(of apiserverv1.ResourceConfiguration, path *field.Path, plugins Plugins) (rule, error) {
	if len(of.Resources) == 0 {
		return rule{}, field.Required(path.Child("resources"), "at least one resource must be provided")
	}
	if len(of.Providers) == 0 {
		return rule{}, field.Required(path.Child("providers"), "at least one provider must be provided")
	}
	var r rule
	for i, name := range of.Resources {
		resource, err := parseResource(name)
		if err != nil {
			return rule{}, field.Invalid(path.Child("resources").Index(i), name, err.Error())
		}
		r.resources = append(r.resources, resource)
	}
	var prefixes []value.PrefixTransformer
	for i := range of.Providers {
		more, err := c.provider(&of.Providers[i], path.Child("providers").Index(i), plugins)
		if err != nil {
			return rule{}, err
		}
		prefixes = append(prefixes, more...)
	}
	r.transformer = value.NewPrefixTransformers(errors.New("no provider of its resource has written it, or can read it any more"), prefixes...)
	return r, nil
}

// parseResource reads secrets, deployments.apps, *.apps, *. (the core group) or *.* (everything).
func parseResource(name string) (schema.GroupResource, error) {
	switch {
	case name == "*.*":
		return schema.GroupResource{Group: "*", Resource: "*"}, nil
	case name == "*":
		return schema.GroupResource{}, errors.New("use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources")
	case name != strings.ToLower(name):
		return schema.GroupResource{}, errors.New("resource name should not contain capital letters")
	}
	resource := schema.ParseGroupResource(strings.TrimSuffix(name, "."))
	switch resource {
	case schema.GroupResource{Resource: "events"}, schema.GroupResource{Group: "events.k8s.io", Resource: "events"}:
		return resource, errors.New("encryption of events is not supported: they are short-lived and many")
	case schema.GroupResource{Group: "extensions", Resource: resource.Resource}:
		return resource, errors.New("'extensions' group has been removed and cannot be used for encryption")
	}
	return resource, nil
}

// provider makes the transformers of one entry: one for each key, the first of which writes.
func (c *Configuration) provider(p *apiserverv1.ProviderConfiguration, path *field.Path, plugins Plugins) ([]value.PrefixTransformer, error) {
	if given(p) > 1 {
		return nil, field.Invalid(path, "REDACTED", "more than one provider specified in a single element, should split into different list elements")
	}
	switch {
	case p.AESGCM != nil:
		return keyed(p.AESGCM.Keys, path.Child("aesgcm", "keys"), "aesgcm", func(key []byte) (value.Transformer, error) {
			block, err := aes.NewCipher(key)
			if err != nil {
				return nil, err
			}
			return aestransformer.NewGCMTransformer(block)
		})
	case p.AESCBC != nil:
		return keyed(p.AESCBC.Keys, path.Child("aescbc", "keys"), "aescbc", func(key []byte) (value.Transformer, error) {
			block, err := aes.NewCipher(key)
			if err != nil {
				return nil, err
			}
			return aestransformer.NewCBCTransformer(block), nil
		})
	case p.Secretbox != nil:
		return keyed(p.Secretbox.Keys, path.Child("secretbox", "keys"), "secretbox", func(key []byte) (value.Transformer, error) {
			if len(key) != 32 {
				return nil, fmt.Errorf("expected 32 byte secret, got %d", len(key))
			}
			return secretbox.NewSecretboxTransformer([32]byte(key)), nil
		})
	case p.Identity != nil:
		return []value.PrefixTransformer{{Transformer: identity.NewEncryptCheckTransformer()}}, nil
	case p.KMS != nil:
		return c.newPlugin(p.KMS, path.Child("kms"), plugins)
	}
	return nil, field.Required(path, "provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, Identity")
}

// keyed makes a transformer for each key. What it writes begins with the provider and the key's name, which is how it is found again.
func keyed(keys []apiserverv1.Key, path *field.Path, kind string, transformer func(key []byte) (value.Transformer, error)) ([]value.PrefixTransformer, error) {
	if len(keys) == 0 {
		return nil, field.Required(path, "at least one key must be provided")
	}
	var all []value.PrefixTransformer
	for i, key := range keys {
		at := path.Index(i)
		if key.Name == "" {
			return nil, field.Required(at.Child("name"), "key name must be provided")
		}
		if key.Secret == "" {
			return nil, field.Required(at.Child("secret"), "secret must be provided")
		}
		secret, err := base64.StdEncoding.DecodeString(key.Secret)
		if err != nil {
			return nil, field.Invalid(at.Child("secret"), "REDACTED", "secret must be base64 encoded")
		}
		t, err := transformer(secret)
		if err != nil {
			return nil, field.Invalid(at.Child("secret"), "REDACTED", err.Error())
		}
		all = append(all, value.PrefixTransformer{Transformer: t, Prefix: []byte("k8s:enc:" + kind + ":v1:" + key.Name + ":")})
	}
	return all, nil
}

// For returns how the values of a resource are stored; nil means as they are. The first rule that names it counts.
func (c *Configuration) For(resource schema.GroupResource) value.Transformer {
	c.mu.RLock()
	transformer, ok := c.known[resource]
	c.mu.RUnlock()
	if ok {
		return transformer
	}
	for _, r := range c.rules {
		if slices.ContainsFunc(r.resources, func(pattern schema.GroupResource) bool {
			return (pattern.Group == "*" || pattern.Group == resource.Group) && (pattern.Resource == "*" || pattern.Resource == resource.Resource)
		}) {
			transformer = r.transformer
			break
		}
	}
	if resource.Resource == "events" && (resource.Group == "" || resource.Group == "events.k8s.io") {
		transformer = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[resource] = transformer
	return transformer
}
