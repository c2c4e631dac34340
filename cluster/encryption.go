package cluster

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/encrypted"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/prefixed"
)

// newStore is etcd, with the values encrypted that the options name.
func (c *controlPlane) newStore(ctx context.Context) (storage.Store, error) {
	if c.options.EncryptionProviderConfig == "" {
		return prefixed.Under(c.options.EtcdPrefix, c.etcd), nil
	}
	c.keys = &encrypted.Keeper{
		Path: c.options.EncryptionProviderConfig, Reload: c.options.EncryptionProviderConfigAutomaticReload,
		Server: c.options.NodeName, Clock: clock.RealClock{},
	}
	if err := c.keys.Open(ctx); err != nil {
		return nil, err
	}
	resources := resourcesByPrefix(c.rows)
	prefix := strings.TrimRight(c.options.EtcdPrefix, "/") + "/"
	transform := func(key string) value.Transformer {
		of, ok := resourceOf(storage.Root+strings.TrimPrefix(key, prefix), resources)
		if !ok {
			return nil
		}
		return c.keys.For(of)
	}
	// A value is bound to its key in etcd, prefix and all.
	return prefixed.Under(c.options.EtcdPrefix, &encrypted.Store{Store: c.etcd, Epoch: c.keys.Epoch, Transformer: transform}), nil
}

// keepKeys looks after the keys of encryption while the control plane runs.
func (c *controlPlane) keepKeys(ctx context.Context) {
	if c.keys == nil {
		return
	}
	c.run("encryption", func() error { return c.keys.Run(ctx) })
	c.server.Collectors = append(c.server.Collectors, c.keys.Collectors()...)
	if c.keys.UsesPlugins() {
		c.server.Checks = append(c.server.Checks, apiserver.Check{Name: "kms-providers", Check: c.keys.Check, ReadyOnly: true})
	}
}

func resourcesByPrefix(rows []*resource.Resource) map[string]schema.GroupResource {
	resources := map[string]schema.GroupResource{}
	for _, row := range rows {
		resources[row.StoragePrefix] = row.GroupResource()
	}
	return resources
}

// resourceOf finds whose value a key has: the longest prefix of a row, or else group and name of a custom resource.
func resourceOf(key string, resources map[string]schema.GroupResource) (schema.GroupResource, bool) {
	path, ok := strings.CutPrefix(key, storage.Root)
	if !ok {
		return schema.GroupResource{}, false
	}
	first, rest, _ := strings.Cut(path, "/")
	second, _, _ := strings.Cut(rest, "/")
	if of, ok := resources[first+"/"+second]; ok {
		return of, true
	}
	if of, ok := resources[first]; ok {
		return of, true
	}
	return schema.GroupResource{Group: first, Resource: second}, strings.Contains(first, ".")
}
