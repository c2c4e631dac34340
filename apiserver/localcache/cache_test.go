package localcache_test

import (
	"context"
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
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/inprocess"
	"github.com/coxswain-k8s/coxswain/apiserver/localcache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
)

func TestInformersShareTheObjectsOfTheWatchCache(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	member, err := etcd.Embed(ctx, etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	scheme, rows := apis.NewScheme(), apis.All()
	server := &apiserver.Server{Rows: rows, Scheme: scheme, Store: member, Cache: cache.New(member)}
	handler, err := server.Handler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = server.Cache.Run(ctx) }()
	<-server.Cache.Ready()

	mapper := meta.NewDefaultRESTMapper(nil)
	mapper.Add(corev1.SchemeGroupVersion.WithKind("ConfigMap"), meta.RESTScopeNamespace)
	config := &rest.Config{Host: "http://memory", Transport: &inprocess.Transport{Handler: handler, User: &user.DefaultInfo{Name: "test"}}}
	writer, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper, HTTPClient: &http.Client{Transport: config.Transport}})
	if err != nil {
		t.Fatal(err)
	}
	create := func(name string) {
		t.Helper()
		if err := writer.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}); err != nil {
			t.Fatal(err)
		}
	}
	create("before")
	create("hidden")

	local, err := localcache.New(localcache.Source{Cache: server.Cache, Rows: rows}, config, ctrlcache.Options{
		Scheme: scheme, Mapper: mapper,
		ByObject: map[client.Object]ctrlcache.ByObject{&corev1.ConfigMap{}: {Field: fields.OneTermNotEqualSelector("metadata.name", "hidden")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = local.Start(ctx) }()
	informer, err := local.GetInformer(ctx, &corev1.ConfigMap{})
	if err != nil {
		t.Fatal(err)
	}
	added := make(chan *corev1.ConfigMap, 10)
	if _, err := informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{AddFunc: func(obj any) { added <- obj.(*corev1.ConfigMap) }}); err != nil {
		t.Fatal(err)
	}
	create("after")
	names := map[string]*corev1.ConfigMap{}
	for len(names) < 2 {
		select {
		case obj := <-added:
			names[obj.Name] = obj
		case <-time.After(time.Minute):
			t.Fatalf("events are missing, there were %v", names)
		}
	}
	held, _ := server.Cache.Resource("/registry/configmaps/")
	entry, _ := held.Get("default", "after")
	if entry == nil || entry.Object != names["after"] {
		t.Error("the informer's object is a copy")
	}
	var list corev1.ConfigMapList
	if err := local.List(ctx, &list); err != nil || len(list.Items) != 2 {
		t.Errorf("listed %d (%v), want 2 without the hidden one", len(list.Items), err)
	}
}
