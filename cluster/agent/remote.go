package agent

import (
	"context"
	"fmt"
	"net"
	"strconv"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
	"github.com/coxswain-k8s/coxswain/cluster/serving"
	"github.com/coxswain-k8s/coxswain/controllers/localpath"
	"github.com/coxswain-k8s/coxswain/kubelet/volume"
)

// nodeCaches hold what the parts of a node watch, each under its own identity:
//
//	kubelet  the node's own pods, Node, local volumes   system:node:NAME
//	proxy    Services, EndpointSlices, all Nodes        system:kube-proxy
//	dns      Namespaces                                 coxswain:dns
//
// What one may watch the others read from its cache, so that nothing is held twice.
type nodeCaches struct {
	kubelet, proxy, dns cache.Cache
}

// access is how the node's parts reach the cluster over the network.
func (m *membership) access() (*node.Access, error) {
	own := fields.OneTermEqualSelector(metav1.ObjectNameField, m.NodeName)
	pods := fields.OneTermEqualSelector("spec.nodeName", m.NodeName)
	local := labels.SelectorFromSet(labels.Set{localpath.NodeLabel: localpath.NodeValue(m.NodeName)})
	var err error
	for _, c := range []struct {
		cache   *cache.Cache
		as      *identityCertificate
		objects map[client.Object]cache.ByObject
	}{
		{&m.caches.kubelet, m.kubelet, map[client.Object]cache.ByObject{&corev1.Pod{}: {Field: pods}, &corev1.Node{}: {Field: own}, &corev1.PersistentVolume{}: {Label: local}}},
		{&m.caches.proxy, m.proxy, nil},
		{&m.caches.dns, m.dns, nil},
	} {
		if *c.cache, err = m.newCache(c.as, c.objects); err != nil {
			return nil, err
		}
	}
	access := &node.Access{
		Scheme: m.scheme, Objects: &volume.WatchSource{Client: m.live}, Serving: m.serving.Serve, ClientCAs: m.pool, Pages: serving.KubeletPages(nil, m.Flags),
	}
	access.Kubelet.Cache = borrowing{Cache: m.caches.kubelet, other: m.caches.proxy, borrowed: isService}
	access.Proxy.Cache = m.caches.proxy
	access.DNS.Cache = borrowing{Cache: m.caches.dns, other: m.caches.proxy, borrowed: isNodeOrEndpoints}
	// What a kubelet looks at once in a while, or right after it has written it, it reads from the API.
	live := []client.Object{
		&corev1.Node{}, &coordinationv1.Lease{}, &nodev1.RuntimeClass{}, &corev1.PersistentVolume{}, &corev1.PersistentVolumeClaim{},
		&corev1.ConfigMap{}, &corev1.Secret{}, &corev1.ServiceAccount{},
	}
	if access.Kubelet.Client, err = m.cachedClient(m.kubelet, access.Kubelet.Cache, live); err != nil {
		return nil, err
	}
	if access.Proxy.Client, err = m.cachedClient(m.proxy, access.Proxy.Cache, nil); err != nil {
		return nil, err
	}
	access.DNS.Client, err = m.client(m.config(m.dns.transport, m.dns.who))
	return access, err
}

func (m *membership) newCache(as *identityCertificate, objects map[client.Object]cache.ByObject) (cache.Cache, error) {
	config := m.config(as.transport, as.who)
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	made, err := cache.New(config, cache.Options{
		Scheme: m.scheme, Mapper: m.mapper, HTTPClient: caller, ByObject: objects, DefaultTransform: cache.TransformStripManagedFields(),
	})
	if err != nil {
		return nil, fmt.Errorf("making the cache of %s: %w", as.who.GetName(), err)
	}
	return made, nil
}

func (m *membership) cachedClient(as *identityCertificate, reader client.Reader, live []client.Object) (client.Client, error) {
	config := m.config(as.transport, as.who)
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return client.New(config, client.Options{
		Scheme: m.scheme, Mapper: m.mapper, HTTPClient: caller, Cache: &client.CacheOptions{Reader: reader, DisableFor: live},
	})
}

func isService(o any) bool {
	switch o.(type) {
	case *corev1.Service, *corev1.ServiceList:
		return true
	}
	return false
}

func isNodeOrEndpoints(o any) bool {
	switch o.(type) {
	case *corev1.Node, *discoveryv1.EndpointSlice:
		return true
	}
	return isService(o)
}

// borrowing is a cache that reads some kinds from another one.
type borrowing struct {
	cache.Cache
	other    cache.Cache
	borrowed func(o any) bool
}

func (b borrowing) of(o any) cache.Cache {
	if b.borrowed(o) {
		return b.other
	}
	return b.Cache
}

// Get implements client.Reader.
func (b borrowing) Get(ctx context.Context, key client.ObjectKey, o client.Object, opts ...client.GetOption) error {
	return b.of(o).Get(ctx, key, o, opts...)
}

// List implements client.Reader.
func (b borrowing) List(ctx context.Context, list client.ObjectList, opts ...client.ListOption) error {
	return b.of(list).List(ctx, list, opts...)
}

// GetInformer implements cache.Informers.
func (b borrowing) GetInformer(ctx context.Context, o client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	return b.of(o).GetInformer(ctx, o, opts...)
}

// components keep the membership up to date.
func (m *membership) components(access *node.Access) []parts.Part {
	all := []parts.Part{{Name: "servers", Run: func(ctx context.Context) error { return m.followServers(ctx, access.Proxy.Cache) }}}
	for _, c := range []struct {
		name string
		*join.Certificate
	}{
		{"kubelet client certificate", m.kubelet.Certificate}, {"proxy client certificate", m.proxy.Certificate},
		{"name server client certificate", m.dns.Certificate}, {"kubelet serving certificate", m.serving},
	} {
		all = append(all, parts.Part{Name: c.name, Run: c.Run})
	}
	return append(all, parts.Part{Name: "node addresses", Run: func(ctx context.Context) error { return m.followAddresses(ctx, access.Kubelet.Cache) }})
}

// followServers keeps the addresses of the API servers as the cluster says them.
func (m *membership) followServers(ctx context.Context, from cache.Cache) error {
	return follow(ctx, from, &discoveryv1.EndpointSlice{}, func(slice *discoveryv1.EndpointSlice) error {
		if said := serversIn(slice); len(said) > 0 {
			return m.servers.Set(said, m.named)
		}
		return nil
	})
}

// serversIn are the addresses of the API servers, nil where a slice is not the one that they announce themselves in. Others may
// carry its label, and any slice may leave out its port.
func serversIn(slice *discoveryv1.EndpointSlice) []string {
	if slice.Namespace != metav1.NamespaceDefault || slice.Name != "kubernetes" || slice.Labels[discoveryv1.LabelServiceName] != "kubernetes" {
		return nil
	}
	var said []string
	for _, port := range slice.Ports {
		if port.Port == nil {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			for _, address := range endpoint.Addresses {
				said = append(said, net.JoinHostPort(address, strconv.Itoa(int(*port.Port))))
			}
		}
	}
	return said
}

// followAddresses keeps the kubelet's serving certificate for the addresses of the Node.
func (m *membership) followAddresses(ctx context.Context, from cache.Cache) error {
	return follow(ctx, from, &corev1.Node{}, func(node *corev1.Node) error {
		if node.Name != m.NodeName || len(node.Status.Addresses) == 0 {
			return nil
		}
		m.serving.SetSubject(servingSubject(node))
		return nil
	})
}

// servingSubject names a node as all of its addresses, and of names as its own: no other is approved without somebody's hand.
func servingSubject(node *corev1.Node) join.Subject {
	s := join.Subject{Signer: certificatesv1.KubeletServingSignerName, User: "system:node:" + node.Name, Groups: []string{user.NodesGroup}}
	seen := map[string]bool{}
	for _, address := range node.Status.Addresses {
		switch ip := net.ParseIP(address.Address); {
		case seen[address.Address]:
		case ip != nil:
			s.Addresses = append(s.Addresses, ip)
		case address.Address == node.Name:
			s.Names = append(s.Names, address.Address)
		}
		seen[address.Address] = true
	}
	return s
}

// Follow calls seen with every object of a kind that appears or changes, until ctx ends.
func follow[T client.Object](ctx context.Context, from cache.Cache, kind T, seen func(T) error) error {
	informer, err := from.GetInformer(ctx, kind, cache.BlockUntilSynced(false))
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	look := func(o any) {
		if object, ok := o.(T); ok {
			if err := seen(object); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		}
	}
	registration, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: look, UpdateFunc: func(_, o any) { look(o) }})
	if err != nil {
		return err
	}
	defer func() { _ = informer.RemoveEventHandler(registration) }()
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}
