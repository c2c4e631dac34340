package agent

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster"
	"github.com/coxswain-k8s/coxswain/cluster/join"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/parts"
)

const testToken = "abcdef.0123456789abcdef"

// startServer starts a control plane that nodes can join, on a free port of this machine.
func startServer(t *testing.T, change func(*cluster.Options)) (*cluster.Cluster, cluster.Options) {
	t.Helper()
	options := cluster.Default()
	options.DataDir, options.Disable = t.TempDir(), []string{cluster.Agent, cluster.Scheduler}
	options.BindAddress, options.HTTPSListenPort, options.Token = "127.0.0.1", 0, testToken
	if change != nil {
		change(&options)
	}
	running, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := running.Stop(); err != nil {
			t.Errorf("stopping the server: %v", err)
		}
	})
	return running, options
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
	server, serverOptions := startServer(t, nil)
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
	server, options := startServer(t, nil)
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
	other, _ := startServer(t, nil)
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
	server, options := startServer(t, nil)
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

// TestMemberWorksUnderItsOwnIdentities runs what keeps a membership, with a Node that says its addresses, over the restart of the
// server and several lives of its certificates.
func TestMemberWorksUnderItsOwnIdentities(t *testing.T) {
	server, options := startServer(t, func(o *cluster.Options) { o.SigningDuration = metav1.Duration{Duration: 10 * time.Second} })
	m, err := enter(t, member(t, server))
	if err != nil {
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

	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.9"}, {Type: corev1.NodeHostName, Address: "worker"}}
	if err := access.Kubelet.Client.Create(ctx, node); err != nil {
		t.Fatal(err)
	}
	serving := func() *tls.Certificate {
		for ctx.Err() == nil {
			if have, err := m.serving.Serve(nil); err == nil {
				return have
			}
			time.Sleep(10 * time.Millisecond)
		}
		return nil
	}
	first := serving()
	if err := first.Leaf.VerifyHostname("192.0.2.9"); err != nil {
		t.Error(err)
	}
	if err := access.Kubelet.Cache.Get(ctx, client.ObjectKey{Name: "worker"}, &corev1.Node{}); err != nil {
		t.Errorf("reading its own Node: %v", err)
	}
	if err := m.live.List(ctx, &corev1.NodeList{}); !apierrors.IsForbidden(err) {
		t.Errorf("a kubelet listed all nodes: %v", err)
	}
	for _, list := range []client.ObjectList{&corev1.ServiceList{}, &corev1.NamespaceList{}} {
		if err := access.DNS.Cache.List(ctx, list); err != nil {
			t.Errorf("the name server cannot read %T: %v", list, err)
		}
	}

	// The server starts again, and the certificates are renewed meanwhile and afterwards.
	if err := server.Stop(); err != nil {
		t.Fatal(err)
	}
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
	for begin := time.Now(); serving().Leaf.SerialNumber.Cmp(first.Leaf.SerialNumber) == 0 || m.kubelet.User() == ""; time.Sleep(10 * time.Millisecond) {
		if time.Since(begin) > time.Minute {
			t.Fatal("the serving certificate was not renewed")
		}
	}
	for range 2 {
		current := serving()
		lease := &corev1.Node{}
		if err := m.live.Get(ctx, client.ObjectKey{Name: "worker"}, lease); err != nil {
			t.Errorf("reading with a renewed certificate: %v", err)
		}
		<-time.After(time.Until(current.Leaf.NotAfter)) // this one cannot be what the next is read with
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
