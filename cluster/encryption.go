package cluster

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage/value"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/encrypted"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// newStore is etcd, with the values encrypted that the options name.
func (c *controlPlane) newStore() (storage.Store, error) {
	if c.options.EncryptionProviderConfig == "" {
		return etcd.Under(c.options.EtcdPrefix, c.etcd), nil
	}
	configuration, err := encrypted.Load(c.options.EncryptionProviderConfig)
	if err != nil {
		return nil, err
	}
	resources := resourcesByPrefix(c.rows)
	prefix := strings.TrimRight(c.options.EtcdPrefix, "/") + "/"
	transform := func(key string) value.Transformer {
		of, ok := resourceOf(storage.Root+strings.TrimPrefix(key, prefix), resources)
		if !ok {
			return nil
		}
		return configuration.For(of)
	}
	// A value is bound to its key in etcd, prefix and all.
	return etcd.Under(c.options.EtcdPrefix, &encrypted.Store{Store: c.etcd, Transformer: transform}), nil
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
