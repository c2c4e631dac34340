package localcache_test

import (
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrlcache "sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/inprocess"
	"github.com/coxswain-k8s/coxswain/apiserver/localcache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

// memory is a server with its store, and a client of it.
type memory struct {
	server *apiserver.Server
	rows   []*resource.Resource
	config *rest.Config
	client.Client
}

func start(t *testing.T) *memory {
	t.Helper()
	member, err := etcd.Embed(t.Context(), etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { member.Close() })
	scheme, rows := apis.NewScheme(), apis.All()
	m := &memory{server: &apiserver.Server{Rows: rows, Scheme: scheme, Store: member, Cache: cache.New(member)}, rows: rows}
	handler, err := m.server.Handler(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = m.server.Cache.Run(t.Context()) }()
	<-m.server.Cache.Ready()
	m.config = &rest.Config{Host: "http://memory", Transport: &inprocess.Transport{Handler: handler, User: &user.DefaultInfo{Name: "test"}}}
	m.Client, err = client.New(m.config, client.Options{Scheme: scheme, Mapper: mapper(), HTTPClient: &http.Client{Transport: m.config.Transport}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func mapper() meta.RESTMapper {
	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("Secret"), meta.RESTScopeNamespace)
	return mapper
}

func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
}

func (m *memory) create(t *testing.T, name string) {
	t.Helper()
	if err := m.Create(t.Context(), configMap(name)); err != nil {
		t.Fatal(err)
	}
}

// informers are those of the server's cache.
func (m *memory) informers(t *testing.T, narrowed map[client.Object]ctrlcache.ByObject) ctrlcache.Cache {
	t.Helper()
	local, err := localcache.New(localcache.Source{Cache: m.server.Cache, Rows: m.rows}, m.config, ctrlcache.Options{
		Scheme: m.server.Scheme, Mapper: mapper(), ByObject: narrowed,
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = local.Start(t.Context()) }()
	return local
}

func follow(t *testing.T, local ctrlcache.Cache, of client.Object, handler toolscache.ResourceEventHandlerFuncs) {
	t.Helper()
	informer, err := local.GetInformer(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := informer.AddEventHandler(handler); err != nil {
		t.Fatal(err)
	}
}

func TestInformersShareTheObjectsOfTheWatchCache(t *testing.T) {
	m := start(t)
	m.create(t, "before")
	m.create(t, "hidden")
	local := m.informers(t, map[client.Object]ctrlcache.ByObject{&corev1.ConfigMap{}: {Field: fields.OneTermNotEqualSelector("metadata.name", "hidden")}})
	added := make(chan *corev1.ConfigMap, 10)
	follow(t, local, &corev1.ConfigMap{}, toolscache.ResourceEventHandlerFuncs{AddFunc: func(obj any) { added <- obj.(*corev1.ConfigMap) }})
	m.create(t, "after")
	names := map[string]*corev1.ConfigMap{}
	for len(names) < 2 {
		select {
		case obj := <-added:
			names[obj.Name] = obj
		case <-time.After(time.Minute):
			t.Fatalf("events are missing, there were %v", names)
		}
	}
	held, _ := m.server.Cache.Resource("/registry/configmaps/")
	entry, _ := held.Get("default", "after")
	if entry == nil || entry.Object != names["after"] {
		t.Error("the informer's object is a copy")
	}
	var list corev1.ConfigMapList
	if err := local.List(t.Context(), &list); err != nil || len(list.Items) != 2 {
		t.Errorf("listed %d (%v), want 2 without the hidden one", len(list.Items), err)
	}
}

// A change that nobody can read holds up no end: its kind's informer never hears of it.
func TestEndsAreToldBesideWhatCannotBeRead(t *testing.T) {
	m := start(t)
	m.create(t, "a")
	local := m.informers(t, nil)
	deleted := make(chan any, 1)
	follow(t, local, &corev1.ConfigMap{}, toolscache.ResourceEventHandlerFuncs{DeleteFunc: func(obj any) { deleted <- obj }})
	follow(t, local, &corev1.Secret{}, toolscache.ResourceEventHandlerFuncs{})
	if !local.WaitForCacheSync(t.Context()) {
		t.Fatal("the informers have nothing")
	}
	revision, err := m.server.Store.Commit(t.Context(), storage.Op{Key: "/registry/secrets/default/odd", Value: []byte("odd")})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.server.Cache.WaitFor(t.Context(), revision); err != nil {
		t.Fatal(err)
	}
	if err := m.Delete(t.Context(), configMap("a")); err != nil {
		t.Fatal(err)
	}
	select {
	case <-deleted:
	case <-time.After(time.Minute):
		t.Fatal("the end was not told of")
	}
}
