package apiserver

import (
	"context"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/compaction"
	"github.com/coxswain-k8s/coxswain/apiserver/connect"
	"github.com/coxswain-k8s/coxswain/apiserver/filters"
	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/read"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/services"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
	"github.com/coxswain-k8s/coxswain/apiserver/write"
)

// Server answers requests for the resources of its rows. Its exported fields are inputs, set before Handler.
type Server struct {
	// Rows are served from the start; AddRows and RemoveRow change that while running.
	Rows   []*resource.Resource
	Scheme *runtime.Scheme
	Store  storage.Store
	Cache  *cache.Cache
	// Version is what /version answers.
	Version version.Info

	// Authenticator says who calls. Without one, everybody in the process is who their context says, and all others are anonymous.
	Authenticator authenticator.Request
	// FrontProxy are the headers by which front proxies say whom they speak for, beside X-Remote-User and the like.
	FrontProxy filters.Headers
	// Authorizer says what they may do. Without one, everything.
	Authorizer authorizer.Authorizer
	// Impersonate lets a caller act as another; nil refuses nothing and does nothing.
	Impersonate filters.Impersonator
	// Audit records requests. Without it, none is.
	Audit     *audit.Log
	Admission *admission.Chain
	// FieldManager keeps metadata.managedFields and merges applied configurations. Without one, neither is done, and apply is refused.
	FieldManager kinds.FieldManager

	// Virtual answers the creation of resources that are never stored, by resource.
	Virtual map[schema.GroupResource]VirtualFunc
	// Live answers get and list of resources that are never stored but found out when asked for (metrics), by resource.
	Live map[schema.GroupResource]LiveFunc
	// Tokens issues service account tokens.
	Tokens TokenIssuer
	// Nodes reaches kubelets. Without it, logs, exec and the proxies are unavailable.
	Nodes connect.Kubelets
	// Services is what Services get their addresses and ports from.
	Services services.Ranges

	// Aggregation sends requests on to other servers; nil for none.
	Aggregation Aggregation
	// OpenAPI answers below /openapi/.
	OpenAPI http.Handler
	// Paths are further handlers by exact path, or below a path that ends in a slash.
	Paths map[string]http.Handler
	// Checks are the named parts of /healthz, /livez and /readyz beside ping and etcd.
	Checks []Check
	// Components are the parts of the control plane that ComponentStatuses list, beside the store.
	Components []Component
	// Collectors are further metrics that /metrics shows.
	Collectors []prometheus.Collector
	// Gatherers have further metrics, of the process and not of this server, that /metrics shows as well.
	Gatherers []prometheus.Gatherer
	// StoreSizes are the sizes of the files of the store's members in bytes, for /metrics; nil where they are not known.
	StoreSizes func() []int64

	// Flows sorts requests into priority levels and has them wait for their turn. Without it, MaxInFlight and MaxMutatingInFlight
	// bound their number.
	Flows *flowcontrol.Controller
	// CBOR has requests, answers and watches travel in CBOR where clients ask for that (upstream's gate CBORServingAndStorage, off by default).
	CBOR bool
	// RequestTimeout bounds requests that are not long-running; 0 means a minute.
	RequestTimeout time.Duration
	// GoawayChance is how often an HTTP/2 client is told to connect anew.
	GoawayChance float64
	// MinWatch is how long a watch lasts at least where the client names no timeout, and half of what it lasts at most; 0 means half
	// an hour, and less that it lasts.
	MinWatch time.Duration
	// MaxInFlight and MaxMutatingInFlight bound the requests that are not long-running at any one time; 0 means 400 and 200, and
	// less no bound.
	MaxInFlight, MaxMutatingInFlight int
	Clock                            clock.WithTicker

	decoder *codec.Decoder
	kinds.Served
	reader  *read.Reader
	writer  *write.Writer
	metrics *metrics.Metrics
	checked *metrics.Checks
	chain   *filters.Chain
	logger  logr.Logger
	audited audit.Metrics
	given   *services.Metrics
	// expressions compile what policies and webhooks say, when they are written.
	expressions expression.Environments
}

// Handler returns the whole server as one handler. What lasts, like a watch, ends when ctx does; all else is still answered.
func (s *Server) Handler(ctx context.Context) (http.Handler, error) {
	if s.Clock == nil {
		s.Clock = clock.RealClock{}
	}
	if s.RequestTimeout == 0 {
		s.RequestTimeout = time.Minute
	}
	if s.MinWatch == 0 {
		s.MinWatch = 30 * time.Minute
	}
	s.decoder = codec.NewDecoder(s.Scheme)
	s.instrument()
	s.logger = logr.FromContextOrDiscard(ctx)
	s.Served.Watched, s.Served.HooksOf = s.Cache, s.hooksOf
	if s.Audit != nil {
		s.Audit.Metrics, s.audited.Sinks = &s.audited, s.Audit.Sinks
		s.Audit.JSON = filters.Bodies{Scheme: s.Scheme}.JSON
	}
	if err := s.AddRows(s.Rows...); err != nil {
		return nil, err
	}
	if s.Flows != nil {
		s.Flows.Load, s.Flows.Metrics = load{s}, flowcontrol.NewMetrics()
		s.metrics.Registry.MustRegister(s.Flows.Metrics)
		s.Flows.Configure(nil, nil) // what every cluster has; the rest is in the cluster
	}
	s.chain = &filters.Chain{
		Authenticator: s.Authenticator, FrontProxy: s.FrontProxy, Authorizer: s.Authorizer, Impersonate: s.Impersonate, Audit: s.Audit, Refuse: s.media().Refuse,
		Names: s.metricNames, Metrics: s.metrics, RequestTimeout: s.RequestTimeout,
		Flows: s.Flows, MaxInFlight: s.MaxInFlight, MaxMutatingInFlight: s.MaxMutatingInFlight,
		GoawayChance: s.GoawayChance, Stopping: ctx, Logger: s.logger,
	}
	s.reader = &read.Reader{Store: s.Store, Cache: s.Cache, MinWatch: s.MinWatch, Stopping: ctx, Metrics: s.metrics}
	s.writer = &write.Writer{Admission: s.Admission, FieldManager: s.FieldManager, Served: &s.Served, Allowed: s.chain.Allowed}
	return s.chain.Wrap(http.HandlerFunc(s.route)), nil
}

// instrument makes what counts requests and what is stored, and has it count what the store does.
func (s *Server) instrument() {
	s.metrics, s.checked = metrics.New(s.Version), metrics.NewChecks()
	if m := s.Admission.Metrics(); m != nil {
		s.metrics.Registry.MustRegister(m)
	}
	s.metrics.Registry.MustRegister(s.Collectors...)
	s.given = services.NewMetrics(s.Services, &s.Served)
	s.metrics.Registry.MustRegister(metrics.WatchCache{Resources: s.watchedResources}, &s.audited, s.given)
	s.metrics.Registry.MustRegister(metrics.Stored{Objects: s.countObjects, Sizes: s.StoreSizes})
	s.Store = s.metrics.Store(s.Store, namesByPrefix(s.Rows))
}

// Compact drops the past from the store, as it grows, until ctx ends.
func (s *Server) Compact(ctx context.Context) error {
	return compaction.Compaction{Store: s.Store, Cache: s.Cache, Clock: s.Clock, Compacted: &s.reader.Compacted}.Run(ctx)
}

// load is what there is of each resource.
type load struct{ *Server }

// Objects implements flowcontrol.Load.
func (l load) Objects(info *request.Info) int {
	at := l.Now().EndpointOf(info)
	if at == nil || at.Cached == nil {
		return 0
	}
	return at.Cached.Len()
}

// Watchers implements flowcontrol.Load.
func (l load) Watchers(info *request.Info) int {
	at := l.Now().EndpointOf(info)
	if at == nil || at.Cached == nil {
		return 0
	}
	return at.Cached.Watchers()
}
