package extensions_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/testr"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/rules"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/inprocess"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// patience is how long to wait at most for what will happen, even where everything is slow.
const patience = time.Minute

// server is an API server with extensions, on a real etcd.
type server struct {
	*apiserver.Server
	handler    http.Handler
	extensions *extensions.Extensions
	documents  *openapi.Documents
	client     client.WithWatch
	refuse     atomic.Int32 // so many of the extensions' deletions are to fail
	unwritten  atomic.Int32 // and of its writes of status
	markers    int
}

// refusing fails as many requests as it is told to.
type refusing struct {
	http.RoundTripper
	refuse, unwritten *atomic.Int32
}

func (r refusing) RoundTrip(request *http.Request) (*http.Response, error) {
	if request.Method == http.MethodDelete && r.refuse.Add(-1) >= 0 || request.Method == http.MethodPatch && r.unwritten.Add(-1) >= 0 {
		return nil, errors.New("refused by the test")
	}
	return r.RoundTripper.RoundTrip(request)
}

func newServer(t testing.TB) *server {
	t.Helper()
	member, err := etcd.Embed(t.Context(), etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = member.Close() })
	return newServerOn(t, member)
}

// newServerOn is a server of what is in the store.
func newServerOn(t testing.TB, member storage.Store) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(logr.NewContext(context.Background(), testr.NewWithInterface(t, testr.Options{})))
	var err error
	rows, scheme := apis.All(), apis.NewScheme()
	rules.Complete(resource.Find(rows, "apiextensions.k8s.io", "customresourcedefinitions"))
	documents := openapi.New(rows, "v1.36.3")
	s := &server{documents: documents, Server: &apiserver.Server{
		Rows: rows, Scheme: scheme, Store: member, Cache: cache.New(member), Clock: clock.RealClock{}, FieldManager: fieldmanager.New(scheme), OpenAPI: documents,
	}}
	if s.handler, err = s.Handler(ctx); err != nil {
		t.Fatal(err)
	}
	config := s.config()
	if s.client, err = client.NewWithWatch(config, client.Options{Scheme: scheme, HTTPClient: &http.Client{Transport: config.Transport}}); err != nil {
		t.Fatal(err)
	}
	config.NegotiatedSerializer = serializer.NewCodecFactory(scheme).WithoutConversion()
	config.Transport = refusing{config.Transport, &s.refuse, &s.unwritten}
	raw, err := rest.UnversionedRESTClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	s.extensions = &extensions.Extensions{Server: s.Server, Cache: s.Cache, Client: s.client, Raw: raw, OpenAPI: documents, Webhooks: &webhookclient.Clients{}}
	done := make(chan struct{}, 2)
	go func() { _ = s.Cache.Run(ctx); done <- struct{}{} }()
	go func() { _ = s.extensions.Run(ctx); done <- struct{}{} }()
	t.Cleanup(func() {
		cancel()
		<-done
		<-done
	})
	select {
	case <-s.extensions.Ready():
	case <-time.After(patience):
		t.Fatal("the definitions are not read")
	}
	return s
}

func (s *server) config() *rest.Config {
	who := &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup}}
	return &rest.Config{Host: "http://test", QPS: -1, Transport: &inprocess.Transport{Handler: s.handler, User: who, UserAgent: "kube-apiserver/test"}}
}

// ask sends one request.
func (s *server) ask(t *testing.T, of *step) answer {
	t.Helper()
	response, err := s.config().Transport.RoundTrip(of.request(t, "http://test"))
	if err != nil {
		t.Fatal(err)
	}
	return of.read(t, response)
}

// settle returns when the definitions are served as they have been written. The extensions handle one after the other: once a new one,
// in a group of its own, is established, they are done with all before it.
func (s *server) settle(t testing.TB) {
	t.Helper()
	s.markers++
	marker := definition(fmt.Sprintf("markers%d", s.markers), "Marker", version("v1", true))
	marker.Spec.Group = "settle.example.com"
	marker.Name = marker.Spec.Names.Plural + "." + marker.Spec.Group
	marker.Spec.Names.Kind += strconv.Itoa(s.markers)
	s.establish(t, marker)
}
