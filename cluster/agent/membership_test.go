package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/node"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
)

const testToken = "abcdef.0123456789abcdef"

// startServer starts a control plane that nodes can join, on a free port of an address that nobody else takes one of while it is restarted.
func startServer(t *testing.T) (*cluster.Cluster, cluster.Options) {
	t.Helper()
	server := cluster.Default()
	server.EtcdListenClientURLs = []string{options.ListenNowhere}
	server.DataDir, server.Disable = t.TempDir(), []string{cluster.Agent, cluster.Scheduler}
	server.BindAddress, server.HTTPSListenPort, server.Token = "127.0.115.5", 0, testToken
	running, err := cluster.Start(t.Context(), server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	return running, server
}

// member is a machine that wants to join.
func member(t *testing.T, c *cluster.Cluster) *options.AgentOptions {
	t.Helper()
	o := options.DefaultAgent()
	o.DataDir, o.NodeName, o.NodeIP = t.TempDir(), "worker", "192.0.2.9"
	o.Servers, o.Token = []string{c.Config.Host}, testToken
	if err := o.Validate(); err != nil {
		t.Fatal(err)
	}
	return &o
}

func enter(t *testing.T, o *options.AgentOptions) (*membership, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	m := newMembership(o)
	return m, m.join(ctx)
}

func TestJoining(t *testing.T) {
	server, serverOptions := startServer(t)
	o := member(t, server)
	m, err := enter(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if *m.shared != serverOptions.Shared {
		t.Errorf("learned %v, want %v", *m.shared, serverOptions.Shared)
	}
	for file, user := range map[string]string{"kubelet-client.pem": "system:node:worker", "kube-proxy-client.pem": "system:kube-proxy", "dns-client.pem": "coxswain:dns"} {
		info, err := os.Stat(filepath.Join(agentDir(o), file))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info, err)
		}
		pair, err := tls.LoadX509KeyPair(filepath.Join(agentDir(o), file), filepath.Join(agentDir(o), file))
		if err != nil || pair.Leaf.Subject.CommonName != user {
			t.Errorf("%s is for %v, want %s, %v", file, pair.Leaf.Subject, user, err)
		}
	}

	// A member needs no token any more.
	again := *o
	again.Token = ""
	if _, err := enter(t, &again); err != nil {
		t.Errorf("starting again without the token: %v", err)
	}
	// Nor a server, to start with what it knows.
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	if m, err := enter(t, &again); err != nil || *m.shared != serverOptions.Shared {
		t.Errorf("starting again without a server: %v", err)
	}
	other := again
	other.NodeName = "another"
	if _, err := enter(t, &other); err == nil || !strings.Contains(err.Error(), "system:node:worker") {
		t.Errorf("starting under another name: %v", err)
	}
}

// TestJoiningAfterACrash: wherever an attempt to join has ended, the node finds back in, and then needs no token any more.
func TestJoiningAfterACrash(t *testing.T) {
	server, options := startServer(t)
	authority, err := os.ReadFile(filepath.Join(options.DataDir, "pki", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	o := member(t, server)
	o.Token = strings.Replace(testToken, "abcdef.", "zzzzzz.", 1)
	o.CACertHashes = []string{"sha256:" + strings.Repeat("0", 64)}
	if _, err := enter(t, o); err == nil {
		t.Fatal("joined a server that was not the right one")
	}
	if _, err := os.Stat(filepath.Join(agentDir(o), "ca.crt")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the authority of a server that was refused was kept: %v", err)
	}
	// The authority is there before the certificate, and an attempt that ended there leaves the choice of another cluster.
	o.Token, o.CACertHashes = testToken, nil
	m := newMembership(o)
	if err := m.trust(t.Context()); err != nil {
		t.Fatal(err)
	}
	if kept, err := os.ReadFile(filepath.Join(agentDir(o), "ca.crt")); err != nil || !bytes.Equal(kept, authority) {
		t.Errorf("kept before the certificate: %s, %v", kept, err)
	}
	other, _ := startServer(t)
	o.Servers = []string{other.Config.Host}
	if _, err := enter(t, o); err != nil {
		t.Fatalf("joining another cluster: %v", err)
	}
	// A node of before that lacks the authority gets it with its token.
	if err := os.Remove(filepath.Join(agentDir(o), "ca.crt")); err != nil {
		t.Fatal(err)
	}
	if _, err := enter(t, o); err != nil {
		t.Fatal(err)
	}
	o.Token = ""
	if _, err := enter(t, o); err != nil {
		t.Errorf("starting without the token: %v", err)
	}
}

func TestTokensThatAreRefused(t *testing.T) {
	server, options := startServer(t)
	authority, err := os.ReadFile(filepath.Join(options.DataDir, "pki", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	kept, err := os.ReadFile(filepath.Join(options.DataDir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	pinned := strings.TrimSpace(string(kept))
	zeros := strings.Repeat("0", 64)
	for name, test := range map[string]struct {
		token, hash, want string
	}{
		"the secret is another one":                {"abcdef.0000000000000000", "", "signed with another secret of token abcdef"},
		"pinned, the token is unknown":             {strings.Replace(pinned, "abcdef.", "zzzzzz.", 1), "", "the server does not know the token zzzzzz"},
		"pinned, the secret is another one":        {pinned[:len(pinned)-1] + "0", "", "the server does not know the token abcdef"},
		"the token pins another authority":         {"K10" + zeros + "::" + testToken, "", "is not the one that was pinned"},
		"kubeadm's hash is of another authority":   {testToken, "sha256:" + zeros, "is not the one that was pinned"},
		"the token is right, and so is the hash":   {testToken, "sha256:" + join.KeyHash(authority), ""},
		"the token is right and pins the CA":       {pinned, "", ""},
		"the authority is right, the token is not": {"abcdef.0000000000000000", "sha256:" + join.KeyHash(authority), "signed with another secret of token abcdef"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := member(t, server)
			o.Token, o.CACertHashes = test.token, nil
			if test.hash != "" {
				o.CACertHashes = []string{test.hash}
			}
			_, err := enter(t, o)
			switch {
			case test.want == "" && err != nil:
				t.Error(err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !errors.Is(err, join.ErrRefused)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// identities are those of a member, which live by the clock of the test.
type identities struct {
	*testing.T
	*membership
	clock *clocktesting.FakeClock
}

func (i *identities) all() []*join.Certificate {
	return []*join.Certificate{i.kubelet.Certificate, i.proxy.Certificate, i.dns.Certificate, i.serving}
}

// await tries for a minute.
func (i *identities) await(what string, is func() bool) {
	i.Helper()
	for begin := time.Now(); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			i.Fatal(what)
		}
	}
}

// wait until each has nothing to do before time passes.
func (i *identities) wait() {
	i.Helper()
	i.await("the certificates are not kept", func() bool { return i.clock.Waiters() == len(i.all()) })
}

// age until all are to be renewed and none is over.
func (i *identities) age() {
	i.Helper()
	i.wait()
	left := i.leaf(i.serving).NotAfter.Sub(i.clock.Now())
	i.clock.Step(left / 100 * 95)
}

func (i *identities) leaf(c *join.Certificate) *x509.Certificate {
	i.Helper()
	have, err := c.Serve(nil)
	if err != nil {
		i.Fatal(err)
	}
	return have.Leaf
}

// serials are those of all.
func (i *identities) serials() (all []string) {
	i.Helper()
	for _, c := range i.all() {
		all = append(all, i.leaf(c).SerialNumber.String())
	}
	return all
}

// renewed waits until none is what it was before, and the API is called by the one of now.
func (i *identities) renewed(before []string) {
	i.Helper()
	i.await("not all certificates were renewed", func() bool {
		i.clock.Step(time.Second) // who could not ask, for its connection was closed with another's renewal, tries again
		now := i.serials()
		return !slices.ContainsFunc(before, func(serial string) bool { return slices.Contains(now, serial) })
	})
	i.await("the API is not called with the certificate that was renewed", func() bool {
		review := &authenticationv1.SelfSubjectReview{}
		err := i.live.Create(i.Context(), review)
		sum := sha256.Sum256(i.leaf(i.kubelet.Certificate).Raw)
		return err == nil && slices.Equal(review.Status.UserInfo.Extra[user.CredentialIDKey], []string{"X509SHA256=" + hex.EncodeToString(sum[:])})
	})
	i.await("the node cannot be read with the renewed certificate", func() bool {
		return i.live.Get(i.Context(), client.ObjectKey{Name: "worker"}, &corev1.Node{}) == nil
	})
}

// TestMemberWorksUnderItsOwnIdentities runs what keeps a membership, with a Node that says its addresses, over the restart of the
// server and several lives of its certificates.
func TestMemberWorksUnderItsOwnIdentities(t *testing.T) {
	server, options := startServer(t)
	i := &identities{T: t, membership: newMembership(member(t, server)), clock: clocktesting.NewFakeClock(time.Now())}
	m := i.membership
	m.clock = i.clock
	if err := m.join(t.Context()); err != nil {
		t.Fatal(err)
	}
	access, err := m.access()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		p := &parts.All{Caches: []cache.Cache{m.caches.kubelet, m.caches.proxy, m.caches.dns}, Parts: m.components(access)}
		if err := p.Run(ctx); err != nil {
			t.Errorf("running: %v", err)
		}
	})
	defer running.Wait()
	defer cancel()
	i.worksAs(access)

	// The certificates are to be renewed while there is no server.
	before := i.serials()
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
	i.age()
	i.wait() // each has tried
	options.HTTPSListenPort = portOf(t, server.Config.Host)
	second, err := cluster.Start(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := second.Stop(); err != nil {
			t.Error(err)
		}
	}()
	i.renewed(before)
	for range 2 {
		before = i.serials()
		i.age()
		i.renewed(before)
	}
}

// worksAs makes the node and has each part do what it may.
func (i *identities) worksAs(access *node.Access) {
	i.Helper()
	ctx := i.Context()
	worker := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	worker.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.9"}, {Type: corev1.NodeHostName, Address: "worker"}}
	if err := access.Kubelet.Client.Create(ctx, worker); err != nil {
		i.Fatal(err)
	}
	i.await("there is no serving certificate", func() bool {
		_, err := i.serving.Serve(nil)
		return err == nil
	})
	if err := i.leaf(i.serving).VerifyHostname("192.0.2.9"); err != nil {
		i.Error(err)
	}
	if err := access.Kubelet.Cache.Get(ctx, client.ObjectKey{Name: "worker"}, &corev1.Node{}); err != nil {
		i.Errorf("reading its own Node: %v", err)
	}
	if err := i.live.List(ctx, &corev1.NodeList{}); !apierrors.IsForbidden(err) {
		i.Errorf("a kubelet listed all nodes: %v", err)
	}
	for _, list := range []client.ObjectList{&corev1.ServiceList{}, &corev1.NamespaceList{}} {
		if err := access.DNS.Cache.List(ctx, list); err != nil {
			i.Errorf("the name server cannot read %T: %v", list, err)
		}
	}
}

func portOf(t *testing.T, server string) int {
	t.Helper()
	parsed, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(parsed.Port())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
