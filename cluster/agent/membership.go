package agent

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster/clients"
	"github.com/coxswain-k8s/coxswain/cluster/identity"
	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/version"
	signers "github.com/coxswain-k8s/coxswain/controllers/certificates"
)

// membership is what makes this machine a member of a cluster: whom it trusts, where the servers are, and who it is.
type membership struct {
	*options.AgentOptions
	scheme  *runtime.Scheme
	mapper  meta.RESTMapper
	servers *join.Servers
	named   []string    // the servers' addresses as the user gave them
	clock   clock.Clock // by which certificates are renewed

	authority []byte // PEM
	pool      *x509.CertPool
	kubelet   *identityCertificate
	proxy     *identityCertificate
	dns       *identityCertificate
	serving   *join.Certificate
	live      client.WithWatch // as the node, without a cache
	shared    *options.Shared
	caches    nodeCaches
}

// identityCertificate is a client certificate with what calls the API by it.
type identityCertificate struct {
	*join.Certificate
	transport *join.Transport
	who       user.Info
}

func newMembership(o *options.AgentOptions) *membership {
	m := &membership{AgentOptions: o, clock: clock.RealClock{}, scheme: apis.NewScheme(), mapper: clients.NewMapper(apis.All())}
	m.servers = &join.Servers{File: m.file("servers.json")}
	m.named, _ = join.ParseServers(o.Servers) // they were validated
	m.servers.Add(m.named...)
	return m
}

func (m *membership) file(name string) string { return filepath.Join(agentDir(m.AgentOptions), name) }

// Join gets what an earlier run has not left: the authority, the node's certificates, and what all nodes have in common.
func (m *membership) join(ctx context.Context) error {
	if err := m.servers.Load(); err != nil {
		return err
	}
	if len(m.servers.All()) == 0 {
		return errors.New("no API server is known: name one with --server https://ADDRESS:6443")
	}
	if err := m.trust(ctx); err != nil {
		return err
	}
	if err := m.identify(ctx); err != nil {
		return err
	}
	return m.learn(ctx)
}

// trust reads the authority that was believed before, or finds out whom to believe. What an attempt to join has left, one that
// brought no certificate, does not bind the next token to the same cluster.
func (m *membership) trust(ctx context.Context) error {
	file := m.file("ca.crt")
	data, err := os.ReadFile(file)
	found := errors.Is(err, fs.ErrNotExist) || err == nil && m.Token != "" && !m.joined()
	if found {
		token, err := m.token()
		if err != nil {
			return err
		}
		discovery := &join.Discovery{Servers: m.servers, Token: token, Hashes: m.CACertHashes, Clock: clock.RealClock{}}
		if data, err = discovery.Run(ctx); err != nil {
			return err
		}
	} else if err != nil {
		return fmt.Errorf("reading the cluster's authority: %w", err)
	}
	m.authority, m.pool = data, x509.NewCertPool()
	if !m.pool.AppendCertsFromPEM(data) {
		return fmt.Errorf("the cluster's authority in %s is no certificate", file)
	}
	if found { // before there is a certificate: one without the authority could not be used without a token
		return join.WriteFile(file, data)
	}
	return nil
}

// joined says whether the node has had a certificate.
func (m *membership) joined() bool {
	_, err := os.Stat(m.file("kubelet-client.pem"))
	return err == nil
}

func (m *membership) token() (join.Token, error) {
	switch {
	case m.Token != "":
	case m.authority != nil:
		return join.Token{}, errors.New("the certificate of this node is gone or has expired: give a token with --token once more; `coxswain token create` on the server makes one")
	default:
		return join.Token{}, errors.New("this machine is no member of a cluster yet: give the token that is in DIR/token of the server with --token")
	}
	return join.ParseToken(m.Token)
}

// identify takes up the kubelet's certificate, or asks for one with the token, and prepares the others.
func (m *membership) identify(ctx context.Context) error {
	m.kubelet = m.newIdentity("kubelet-client", certificatesv1.KubeAPIServerClientKubeletSignerName, identity.Node(m.NodeName))
	var err error
	if m.live, err = m.client(m.config(m.kubelet.transport, m.kubelet.who)); err != nil {
		return err
	}
	m.kubelet.Client = m.live
	m.proxy = m.newIdentity("kube-proxy-client", signers.NodeComponentSigner, identity.Proxy())
	m.dns = m.newIdentity("dns-client", signers.NodeComponentSigner, identity.DNS())
	m.serving = &join.Certificate{File: m.file("kubelet-serving.pem"), Clock: m.clock, Client: m.live}
	have, err := m.kubelet.Load()
	if err != nil {
		return err
	}
	if have && m.kubelet.User() != m.kubelet.who.GetName() {
		return fmt.Errorf("%s belongs to %s: this machine has joined under that name; use it with --node-name, or another --data-dir", m.kubelet.File, m.kubelet.User())
	}
	if !have {
		if err := m.enlist(ctx); err != nil {
			return err
		}
	}
	for _, c := range []*join.Certificate{m.proxy.Certificate, m.dns.Certificate, m.serving} {
		if _, err := c.Load(); err != nil {
			return err
		}
	}
	return nil
}

// newIdentity is a client certificate for who, asked for by the node itself.
func (m *membership) newIdentity(name, signer string, who user.Info) *identityCertificate {
	id := &identityCertificate{who: who}
	id.Certificate = &join.Certificate{File: m.file(name + ".pem"), Clock: m.clock, Client: m.live}
	id.transport = m.servers.NewTransport(m.pool, id.Present)
	id.Renewed = id.transport.CloseConnections
	subject := join.Subject{Signer: signer, User: who.GetName()}
	if signer == certificatesv1.KubeAPIServerClientKubeletSignerName {
		subject.Groups = []string{user.NodesGroup}
	}
	id.SetSubject(subject)
	return id
}

// enlist asks for the node's certificate with the token.
func (m *membership) enlist(ctx context.Context) error {
	token, err := m.token()
	if err != nil {
		return err
	}
	transport := m.servers.NewTransport(m.pool, nil)
	defer transport.CloseConnections()
	config := m.config(transport, m.kubelet.who)
	config.BearerToken = token.String()
	asking, err := m.client(config)
	if err != nil {
		return err
	}
	m.kubelet.Client = asking
	defer func() { m.kubelet.Client = m.live }()
	err = retry(ctx, "asking for the node's certificate", func() error { return m.kubelet.Obtain(ctx) })
	if apierrors.IsUnauthorized(err) {
		return fmt.Errorf("%w: the server does not know the token %s, or it has expired; `coxswain token create` on the server makes a new one", join.ErrRefused, token.ID)
	}
	return err
}

// retry repeats what fails because no server answers, or one that is just starting.
func retry(ctx context.Context, what string, try func() error) error {
	wait, told := 100*time.Millisecond, ""
	for {
		err := try()
		var status apierrors.APIStatus
		final := errors.As(err, &status) && status.Status().Code < 500 && status.Status().Code != http.StatusTooManyRequests
		if err == nil || final || ctx.Err() != nil {
			return err
		}
		if told != err.Error() {
			told = err.Error()
			log.FromContext(ctx).Info("Trying again until a server answers", "what", what, "error", told)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, 5*time.Second)
	}
}

// learn asks what all nodes have in common, and for the certificates of the other parts. A machine that has been a member
// before starts without an answer.
func (m *membership) learn(ctx context.Context) error {
	var both errgroup.Group
	both.Go(func() error { return m.learnShared(ctx) })
	for _, id := range []*identityCertificate{m.proxy, m.dns} {
		if id.User() == "" {
			both.Go(func() error {
				return retry(ctx, "asking for a certificate", func() error { return id.Obtain(ctx) })
			})
		}
	}
	return both.Wait()
}

// learnPatience is how long a machine that knows the answer of an earlier run waits for a new one.
const learnPatience = 2 * time.Second

func (m *membership) learnShared(ctx context.Context) error {
	file := m.file("cluster.json")
	kept, err := readShared(file)
	if err != nil {
		return err
	}
	asking, cancel := ctx, context.CancelFunc(func() {})
	if kept != nil {
		asking, cancel = context.WithTimeout(ctx, learnPatience)
	}
	defer cancel()
	found := &corev1.ConfigMap{}
	key := client.ObjectKey{Namespace: metav1.NamespaceSystem, Name: options.SharedName}
	err = retry(asking, "asking what the nodes have in common", func() error { return m.live.Get(asking, key, found) })
	if err != nil && (kept == nil || ctx.Err() != nil) {
		return fmt.Errorf("asking what the nodes of the cluster have in common: %w", err)
	}
	if err != nil {
		log.FromContext(ctx).Info("No API server answers; starting with what was known", "error", err.Error())
		m.shared = kept
		return nil
	}
	if m.shared, err = options.ReadShared(found.Data); err != nil {
		return err
	}
	data, err := json.Marshal(m.shared)
	if err != nil {
		return err
	}
	return join.WriteFile(file, append(data, '\n'))
}

func readShared(file string) (*options.Shared, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is known of the cluster: %w", err)
	}
	s := &options.Shared{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return s, s.Validate()
}

// config is a client over the network.
func (m *membership) config(transport http.RoundTripper, who user.Info) *rest.Config {
	agent := identity.Agent(who) + "/" + version.Version + " " + who.GetName()
	return &rest.Config{
		Host: "https://kubernetes", QPS: -1, Transport: transport, WarningHandler: rest.NoWarnings{}, UserAgent: agent,
		ContentConfig: rest.ContentConfig{ContentType: runtime.ContentTypeProtobuf, AcceptContentTypes: runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON},
	}
}

// client reads and writes without a cache.
func (m *membership) client(config *rest.Config) (client.WithWatch, error) {
	caller, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return client.NewWithWatch(config, client.Options{Scheme: m.scheme, Mapper: m.mapper, HTTPClient: caller})
}
