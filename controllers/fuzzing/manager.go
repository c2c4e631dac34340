package fuzzing

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/meta/testrestmapper"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Manager runs what is registered on it against an API and a cache that show anything (see Source.NewClient). Nothing is awaited
// outside of a bubble of testing/synctest: it is to be used in one.
type Manager struct {
	manager.Manager // nil: what no controller asks for
	api             client.WithWatch
	scheme          *runtime.Scheme
	mapper          meta.RESTMapper
	shown           *shown
	config          *rest.Config

	runnables []manager.Runnable
	running   sync.WaitGroup
}

// NewManager returns a manager that knows the kinds of scheme. Whatever is asked by HTTP is answered at random, too.
func (s *Source) NewManager(scheme *runtime.Scheme) *Manager {
	api := s.NewClient(scheme)
	return &Manager{
		api: api, scheme: scheme, mapper: testrestmapper.TestOnlyStaticRESTMapper(scheme), shown: newShown(s, api, scheme),
		config: &rest.Config{Host: "http://api", QPS: -1, Transport: answers{s}},
	}
}

// Run starts what was added, until ctx ends. The function that it returns waits for the end.
func (m *Manager) Run(ctx context.Context) (wait func()) {
	for _, each := range m.runnables {
		m.running.Go(func() { _ = each.Start(ctx) }) // a controller may give up at what it is answered
	}
	return m.running.Wait
}

// Watched are the kinds of which somebody hears.
func (m *Manager) Watched() []string { return m.shown.kinds() }

// Show has everybody hear of objects that come, change and go, of each kind that somebody watches or indexes. It says what fell over.
func (m *Manager) Show() []error { return m.shown.show() }

// Add implements manager.Manager.
func (m *Manager) Add(r manager.Runnable) error {
	m.runnables = append(m.runnables, r)
	return nil
}

// GetAPIReader implements manager.Manager.
func (m *Manager) GetAPIReader() client.Reader { return m.api }

// GetCache implements manager.Manager.
func (m *Manager) GetCache() cache.Cache { return m.shown }

// GetClient implements manager.Manager.
func (m *Manager) GetClient() client.Client { return m.api }

// GetConfig implements manager.Manager.
func (m *Manager) GetConfig() *rest.Config { return m.config }

// GetControllerOptions implements manager.Manager.
func (m *Manager) GetControllerOptions() config.Controller { return config.Controller{} }

// GetEventRecorderFor implements manager.Manager.
func (m *Manager) GetEventRecorderFor(string) record.EventRecorder { return &record.FakeRecorder{} }

// GetFieldIndexer implements manager.Manager.
func (m *Manager) GetFieldIndexer() client.FieldIndexer { return m.shown }

// GetHTTPClient implements manager.Manager.
func (m *Manager) GetHTTPClient() *http.Client { return &http.Client{Transport: m.config.Transport} }

// GetLogger implements manager.Manager.
func (m *Manager) GetLogger() logr.Logger { return logr.Discard() }

// GetRESTMapper implements manager.Manager.
func (m *Manager) GetRESTMapper() meta.RESTMapper { return m.mapper }

// GetScheme implements manager.Manager.
func (m *Manager) GetScheme() *runtime.Scheme { return m.scheme }

// named is what an error says that was recovered from.
func named(what string, recovered any, stack []byte) error {
	return fmt.Errorf("%s: %v\n%s", what, recovered, stack)
}
