package aggregation

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// Follow tells of every object of a resource, and of each change to one, until ctx ends.
type Follow func(ctx context.Context, of schema.GroupResource, deliver func(obj resource.Object, deleted bool)) error

// Aggregator sends requests on. Its exported fields are inputs.
type Aggregator struct {
	Lister   auth.Lister
	Follow   Follow
	Resolver webhookclient.Resolver
	// Certificate by which other servers know this one for a front proxy; nil where they need not.
	Certificate func(*tls.CertificateRequestInfo) (*tls.Certificate, error)
	// Writer writes APIServices and their status.
	Writer func() (client.Client, error)
	Clock  clock.WithTicker

	mu      sync.Mutex // orders changes of remotes
	remotes atomic.Pointer[map[schema.GroupVersion]*remote]
	queue   queue
}

// remote is a group version that another server answers for.
type remote struct {
	name string
	spec apiregistrationv1.APIServiceSpec
	// transport calls the server at host, whatever endpoint that is.
	transport *http.Transport
	wrong     error // why there is none
	host      string

	available  atomic.Bool
	discovered atomic.Pointer[apidiscoveryv2.APIVersionDiscovery] // what it said last
	document   atomic.Pointer[location]                           // where it describes the group version
	old        atomic.Pointer[description]                        // what it said in OpenAPI v2, once somebody asked
}

func (r *remote) gv() schema.GroupVersion {
	return schema.GroupVersion{Group: r.spec.Group, Version: r.spec.Version}
}

func (a *Aggregator) all() map[schema.GroupVersion]*remote {
	if all := a.remotes.Load(); all != nil {
		return *all
	}
	return nil
}

// set makes what stands in an APIService the way to its group version; nil takes it away.
func (a *Aggregator) set(gv schema.GroupVersion, s *apiregistrationv1.APIService) {
	a.mu.Lock()
	defer a.mu.Unlock()
	next := map[schema.GroupVersion]*remote{}
	for known, r := range a.all() {
		next[known] = r
	}
	before := next[gv]
	if s == nil || s.Spec.Service == nil {
		delete(next, gv)
	} else if before == nil || !sameWay(&before.spec, &s.Spec) {
		next[gv] = a.newRemote(s, before)
	} else if before.spec.GroupPriorityMinimum != s.Spec.GroupPriorityMinimum || before.spec.VersionPriority != s.Spec.VersionPriority {
		next[gv] = a.newRemote(s, before)
	}
	a.remotes.Store(&next)
	if before != nil && next[gv] != before && before.transport != nil {
		before.transport.CloseIdleConnections()
	}
}

// sameWay says whether both lead to the same server and trust the same of it.
func sameWay(a, b *apiregistrationv1.APIServiceSpec) bool {
	return *a.Service == *b.Service && ptr.Equal(a.Service.Port, b.Service.Port) && string(a.CABundle) == string(b.CABundle) && a.InsecureSkipTLSVerify == b.InsecureSkipTLSVerify
}

const dialTimeout = 30 * time.Second

// newRemote is the way to the server of an APIService. What is known of it lasts when only the way has changed.
func (a *Aggregator) newRemote(s *apiregistrationv1.APIService, before *remote) *remote {
	service := s.Spec.Service
	port := ptr.Deref(service.Port, 443)
	name := service.Name + "." + service.Namespace + ".svc"
	r := &remote{name: s.Name, spec: *s.Spec.DeepCopy(), host: net.JoinHostPort(name, strconv.Itoa(int(port)))}
	if before != nil {
		r.available.Store(before.available.Load())
		r.discovered.Store(before.discovered.Load())
		r.document.Store(before.document.Load())
		r.old.Store(before.old.Load())
	} else {
		r.available.Store(isAvailable(s))
	}
	config := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12, InsecureSkipVerify: s.Spec.InsecureSkipTLSVerify} //nolint:gosec // the APIService asks for it
	if len(s.Spec.CABundle) > 0 {
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(s.Spec.CABundle) {
			r.wrong = errors.New("unable to load root certificates: unable to parse bytes as PEM block")
			return r
		}
	}
	config.GetClientCertificate = a.Certificate
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	r.transport = &http.Transport{
		TLSClientConfig: config, ForceAttemptHTTP2: true, TLSHandshakeTimeout: 10 * time.Second, MaxIdleConnsPerHost: 25, IdleConnTimeout: 90 * time.Second,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			address, err := a.Resolver.Resolve(service.Namespace, service.Name, port)
			if err != nil {
				return nil, err
			}
			return dialer.DialContext(ctx, network, address)
		},
	}
	return r
}

func isAvailable(s *apiregistrationv1.APIService) bool {
	for _, condition := range s.Status.Conditions {
		if condition.Type == apiregistrationv1.Available {
			return condition.Status == apiregistrationv1.ConditionTrue
		}
	}
	return false
}
