package admissiontest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/plugins"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/cacheview"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/review"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// Oracle is the environment variable with the kubeconfig of upstream's server. When it is set, tests record what that answers.
const Oracle = "COXSWAIN_ORACLE_KUBECONFIG"

// Server answers requests of an administrator.
type Server struct {
	t      *testing.T
	url    string
	client *http.Client
	// Ours is nil when the requests go to upstream's server.
	Ours *apiserver.Server
	// Headers are sent with every request.
	Headers http.Header
}

// Recording says that answers are recorded and not compared.
func Recording() bool { return os.Getenv(Oracle) != "" }

// Options of the server.
type Options struct {
	Enable, Disable []string
	// Configuration is the file that configures plugins; "" for none.
	Configuration string
	// Clock of the plugins; nil for that of the machine.
	Clock clock.PassiveClock
	// Audit records requests; nil for none.
	Audit *audit.Log
}

// Start starts a server of ours, or connects to upstream's.
func Start(t *testing.T) *Server {
	t.Helper()
	return StartWith(t, Options{})
}

// StartWith is Start for a server with other plugins. Upstream's is to be started with the same.
func StartWith(t *testing.T, o Options) *Server {
	t.Helper()
	if Recording() {
		return connect(t)
	}
	ctx, cancel := context.WithCancel(context.Background())
	member, err := etcd.Embed(ctx, etcd.Config{Dir: t.TempDir(), UnsafeNoFsync: true})
	if err != nil {
		t.Fatal(err)
	}
	rows, scheme := apis.All(), apis.NewScheme()
	s := &apiserver.Server{Rows: rows, Scheme: scheme, Store: member, Cache: cache.New(member), Clock: clock.RealClock{}, FieldManager: fieldmanager.New(scheme), Audit: o.Audit}
	s.Virtual = map[schema.GroupResource]apiserver.VirtualFunc{}
	for of, answer := range (&review.Reviewer{Authorizer: auth.Masters{}, Clock: clock.RealClock{}}).Funcs() {
		s.Virtual[of] = answer
	}
	view := cacheview.New(s.Cache, rows)
	deps := plugins.Deps{
		Lister: view, Rows: rows, Await: view.Await, Authorizer: auth.Masters{}, Objects: s.Objects,
		Webhooks: &webhookclient.Clients{Resolver: &webhookclient.Services{Lister: view}}, Clock: o.Clock,
	}
	if o.Configuration != "" {
		deps.Quotas = noQuotas{}
		if deps.Configuration, err = configuration.Read(o.Configuration); err != nil {
			t.Fatal(err)
		}
	}
	if s.Admission, err = plugins.New(deps, o.Enable, o.Disable); err != nil {
		t.Fatal(err)
	}
	handler, err := s.Handler(ctx)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.Cache.Run(ctx)
	}()
	<-s.Cache.Ready()
	admin := &user.DefaultInfo{Name: "admin", Groups: []string{user.SystemPrivilegedGroup, user.AllAuthenticated}}
	listening := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		handler.ServeHTTP(w, r.WithContext(auth.WithUser(r.Context(), admin)))
	}))
	t.Cleanup(func() {
		cancel()
		listening.CloseClientConnections()
		listening.Close()
		<-done
		_ = member.Close()
	})
	ours := &Server{t: t, url: listening.URL, client: listening.Client(), Ours: s}
	ours.Must("POST", "/api/v1/namespaces", `{"metadata":{"name":"default"}}`)
	return ours
}

// noQuotas is for servers in which there are none.
type noQuotas struct{}

// UpdateStatus implements resourcequota.StatusWriter.
func (noQuotas) UpdateStatus(context.Context, *corev1.ResourceQuota) error {
	return errors.New("there are no quotas")
}

func connect(t *testing.T) *Server {
	t.Helper()
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv(Oracle))
	if err != nil {
		t.Fatal(err)
	}
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	return &Server{t: t, url: config.Host, client: client}
}

// Answer is what a server said.
type Answer struct {
	Code     int
	Body     []byte
	Warnings []string
}

// Do sends a request, whose body is JSON, or a patch where the method is "PATCH" and a media type.
func (s *Server) Do(method, path, body string) Answer {
	s.t.Helper()
	media := "application/json"
	if name, of, found := strings.Cut(method, " "); found {
		method, media = name, of
	}
	request, err := http.NewRequest(method, s.url+path, bytes.NewBufferString(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for name, values := range s.Headers {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", media)
	request.Header.Set("User-Agent", "tester")
	response, err := s.client.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return Answer{Code: response.StatusCode, Body: data, Warnings: response.Header.Values("Warning")}
}

// Must sends a request that has to succeed.
func (s *Server) Must(method, path, body string) Answer {
	s.t.Helper()
	answer := s.Do(method, path, body)
	if answer.Code >= http.StatusBadRequest {
		s.t.Fatalf("%s %s: %d %s", method, path, answer.Code, answer.Body)
	}
	return answer
}

// Eventually repeats a request until ok likes the answer.
func (s *Server) Eventually(method, path, body string, ok func(Answer) bool) Answer {
	s.t.Helper()
	var answer Answer
	s.Until(method+" "+path, func() bool {
		answer = s.Do(method, path, body)
		return ok(answer)
	})
	return answer
}

// Until returns when something has come into force. Upstream's admission hears of its configuration late, ours before the next request.
func (s *Server) Until(what string, done func() bool) {
	s.t.Helper()
	deadline := time.After(time.Minute)
	for !done() {
		if s.Ours != nil {
			s.t.Fatalf("%s is not in force", what)
		}
		select {
		case <-deadline:
			s.t.Fatalf("%s does not come into force", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// JSON of any value.
func JSON(t *testing.T, value any) string {
	t.Helper()
	data, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
