package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/etcd"
	"github.com/coxswain-k8s/coxswain/cluster/state"
)

// freeURL is one that nobody listens on: of an address whose ports nobody else takes before it is listened on, or while that is interrupted.
func freeURL(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.115.3:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "https://" + l.Addr().String()
}

func connectTo(t *testing.T, access state.Access) *etcd.Client {
	t.Helper()
	c, err := etcd.Connect(t.Context(), etcd.Remote{Endpoints: access.Endpoints, TLS: access.TLS()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The embedded member serves clients that have a certificate of its own authority, and nobody else: not the
// administrator of the cluster either, whose certificates others may come by.
func TestEtcdIsServedToItsOwnClients(t *testing.T) {
	dir, url := t.TempDir(), freeURL(t)
	_, stop := controlPlaneOn(t, dir, func(o *Options) { o.EtcdListenClientURLs = []string{url} })
	defer stop()
	access, err := state.ReadAccess(dir)
	if err != nil || access.Outside || len(access.Endpoints) != 1 || access.Endpoints[0] != url {
		t.Fatalf("access %+v, %v", access, err)
	}
	if r, err := connectTo(t, access).Get(t.Context(), "/registry/namespaces/default"); err != nil || !strings.HasPrefix(string(r.Value), "k8s\x00") {
		t.Errorf("read %q, %v", r.Value, err)
	}
	for _, other := range []string{"", "admin", "apiserver-kubelet-client"} {
		config := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}} //nolint:gosec // the client is what is checked
		if other != "" {
			pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "pki", other+".crt"), filepath.Join(dir, "pki", other+".key"))
			if err != nil {
				t.Fatal(err)
			}
			config.Certificates = []tls.Certificate{pair}
		}
		if err := shakeHands(strings.TrimPrefix(url, "https://"), config); err == nil {
			t.Errorf("a client with the certificate %q was let in", other)
		}
	}
}

// shakeHands returns what the server says to a client's certificate: in TLS 1.3 that comes with the first bytes.
func shakeHands(address string, config *tls.Config) error {
	c, err := tls.Dial("tcp", address, config)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	_, err = c.Read(make([]byte, 1))
	return err
}

// outsideEtcd runs one that asks for certificates; what it returns starts and stops it.
func outsideEtcd(t *testing.T, dir, url string) (access state.Access, start, stop func()) {
	t.Helper()
	o := Default()
	o.DataDir, o.NodeName = dir, "n"
	server, own, _, err := state.EtcdCertificates(&o, []string{url})
	if err != nil {
		t.Fatal(err)
	}
	var member *etcd.Member
	start = func() {
		if member, err = etcd.Embed(context.Background(), etcd.Config{Dir: filepath.Join(dir, "member"), ClientURLs: []string{url}, ClientTLS: server}); err != nil {
			t.Fatal(err)
		}
	}
	stop = func() { member.Close() }
	return state.Access{Endpoints: []string{url}, CA: own.CA, Cert: own.Cert, Key: own.Key, Outside: true}, start, stop
}

func useEtcd(o *Options, a state.Access) {
	o.EtcdServers, o.EtcdCAFile, o.EtcdCertFile, o.EtcdKeyFile = a.Endpoints, a.CA, a.Cert, a.Key
}

func TestServerOnAnEtcdOutside(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	access, start, stop := outsideEtcd(t, filepath.Join(dir, "outside"), freeURL(t))
	start()
	defer func() { stop() }()
	c, end := controlPlaneOn(t, filepath.Join(dir, "server"), func(o *Options) { useEtcd(o, access) }, func(o *Options) { o.EtcdPrefix = "/mine/registry" })
	defer end()

	before := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "before"}}
	if err := c.Create(ctx, before); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "server", "etcd")); err == nil {
		t.Error("the server has an etcd of its own")
	}
	outside := connectTo(t, access)
	if _, err := outside.Get(ctx, "/mine/registry/configmaps/default/before"); err != nil {
		t.Error(err)
	}
	if sizes := outside.Sizes(); len(sizes) != 1 || sizes[0] <= 0 {
		t.Errorf("sizes of the members' files: %v", sizes)
	}
	if page, err := outside.Range(ctx, storage.Range{Prefix: storage.Root}); err != nil || len(page.Records) != 0 {
		t.Errorf("%d keys outside of the prefix, %v", len(page.Records), err)
	}
	taken, err := (&state.Snapshots{DataDir: filepath.Join(dir, "server"), NodeName: "n"}).Save(ctx, "", time.Unix(7, 0))
	if err != nil || taken.Keys == 0 {
		t.Errorf("snapshot %+v, %v", taken, err)
	}

	stop()
	start()
	after := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "after"}}
	eventually(t, "writing after the restart of etcd", func() error { return client.IgnoreAlreadyExists(c.Create(ctx, after.DeepCopy())) })
	eventually(t, "reading through the cache", func() error { return c.Get(ctx, client.ObjectKeyFromObject(after), after) })
}

// Whoever may read and write what begins with the prefix and its slash needs no other permission.
func TestServerOnAnEtcdWithRoles(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	access, start, stop := outsideEtcd(t, filepath.Join(dir, "outside"), freeURL(t))
	start()
	defer func() { stop() }()
	info := transport.TLSInfo{TrustedCAFile: access.CA, CertFile: access.Cert, KeyFile: access.Key}
	config, err := info.ClientConfig()
	if err != nil {
		t.Fatal(err)
	}
	member, err := clientv3.New(clientv3.Config{Endpoints: access.Endpoints, TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	defer member.Close()
	const user, role, keys = "coxswain-etcd-client", "cluster", "/registry/"
	_, e1 := member.UserAddWithOptions(ctx, "root", "", &clientv3.UserAddOptions{NoPassword: true})
	_, e2 := member.UserGrantRole(ctx, "root", "root")
	_, e3 := member.UserAddWithOptions(ctx, user, "", &clientv3.UserAddOptions{NoPassword: true})
	_, e4 := member.RoleAdd(ctx, role)
	_, e5 := member.RoleGrantPermission(ctx, role, keys, clientv3.GetPrefixRangeEnd(keys), clientv3.PermissionType(clientv3.PermReadWrite))
	_, e6 := member.UserGrantRole(ctx, user, role)
	_, e7 := member.AuthEnable(ctx)
	if err := errors.Join(e1, e2, e3, e4, e5, e6, e7); err != nil {
		t.Fatal(err)
	}
	if _, err := member.Get(ctx, "/registry"); !errors.Is(err, rpctypes.ErrPermissionDenied) {
		t.Fatalf("who has the role may read the prefix itself: %v", err)
	}
	c, end := controlPlaneOn(t, filepath.Join(dir, "server"), func(o *Options) { useEtcd(o, access) })
	defer end()
	if err := c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "one"}}); err != nil {
		t.Error(err)
	}
}

func TestEtcdOutsideThatIsNotThere(t *testing.T) {
	dir := t.TempDir()
	access, start, stop := outsideEtcd(t, filepath.Join(dir, "outside"), freeURL(t))
	for name, c := range map[string]struct {
		access state.Access
		runs   bool
		want   string // one of these
	}{
		"nobody listens": {access: access, want: "connection refused"},
		// The connection may be closed before the reason is read.
		"without certificate":  {access: state.Access{Endpoints: access.Endpoints, CA: access.CA}, runs: true, want: "certificate required|broken pipe|reset by peer|EOF"},
		"of another authority": {access: state.Access{Endpoints: access.Endpoints}, runs: true, want: "signed by unknown authority"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.runs {
				start()
				defer stop()
			}
			ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
			defer cancel()
			o := Default()
			o.DataDir, o.Disable, o.HTTPSListenPort = filepath.Join(t.TempDir(), "server"), []string{Agent}, 0
			useEtcd(&o, c.access)
			_, err := Start(ctx, o)
			if err == nil {
				t.Fatal("it started")
			}
			for _, want := range []string{c.want, regexp.QuoteMeta(access.Endpoints[0]), "--etcd-cafile"} {
				if !regexp.MustCompile(want).MatchString(err.Error()) {
					t.Errorf("%q is not in: %v", want, err)
				}
			}
		})
	}
}
