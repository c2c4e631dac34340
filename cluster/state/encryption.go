package state

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/storage/value"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/encrypted"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/prefixed"
	"github.com/coxswain-k8s/coxswain/cluster/options"
)

// NewStore is the etcd in, with the values encrypted that the options name, and the keeper of the keys; nil where nothing is encrypted.
func NewStore(ctx context.Context, o *options.Options, in storage.Store, rows []*resource.Resource) (storage.Store, *encrypted.Keeper, error) {
	if o.EncryptionProviderConfig == "" {
		return prefixed.Under(o.EtcdPrefix, in), nil, nil
	}
	keys := &encrypted.Keeper{
		Path: o.EncryptionProviderConfig, Reload: o.EncryptionProviderConfigAutomaticReload,
		Server: o.NodeName, Clock: clock.RealClock{},
	}
	if err := keys.Open(ctx); err != nil {
		return nil, nil, err
	}
	resources := resourcesByPrefix(rows)
	prefix := strings.TrimRight(o.EtcdPrefix, "/") + "/"
	transform := func(key string) value.Transformer {
		of, ok := resourceOf(storage.Root+strings.TrimPrefix(key, prefix), resources)
		if !ok {
			return nil
		}
		return keys.For(of)
	}
	// A value is bound to its key in etcd, prefix and all.
	return prefixed.Under(o.EtcdPrefix, &encrypted.Store{Store: in, Epoch: keys.Epoch, Transformer: transform}), keys, nil
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
