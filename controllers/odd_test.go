package controllers

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"net"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	cloudfake "k8s.io/cloud-provider/fake"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// seeds are how many lives each controller lives. COXSWAIN_SEEDS=500 looks for rare ends; CI is content with fewer.
func seeds(t *testing.T) int64 {
	t.Helper()
	n, err := strconv.ParseInt(cmp.Or(os.Getenv("COXSWAIN_SEEDS"), "4"), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fallen collects the panics of reconciles, which controller-runtime recovers from.
type fallen struct {
	mu     sync.Mutex
	stacks []string
}

func (f *fallen) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	stacks := f.stacks
	f.stacks = nil
	return stacks
}

// No controller dies of what is stored, or of what it is answered: each is registered as in a cluster, hears of odd objects of every kind that
// it watches coming, changing and going, and reads odd ones.
func TestNoControllerFallsOver(t *testing.T) {
	found := &fallen{}
	before := utilruntime.PanicHandlers
	utilruntime.PanicHandlers = []func(context.Context, any){func(context.Context, any) {
		found.mu.Lock()
		defer found.mu.Unlock()
		found.stacks = append(found.stacks, string(debug.Stack()))
	}}
	t.Cleanup(func() { utilruntime.PanicHandlers = before })
	scheme := apis.NewScheme()
	for _, c := range slices.Concat(all(), clouds()) {
		t.Run(c.name, func(t *testing.T) {
			for seed := range seeds(t) {
				synctest.Test(t, func(t *testing.T) { suffer(t, fuzzing.New(seed).NewManager(scheme), c) })
				for _, stack := range found.take() {
					t.Errorf("a reconcile falls over:\n%s", stack)
				}
				if t.Failed() {
					t.Fatalf("with seed %d", seed)
				}
			}
		})
	}
}

// suffer has a controller see odd things for a while.
func suffer(t *testing.T, mgr *fuzzing.Manager, c controller) {
	registry := prometheus.NewRegistry()
	if err := register(mgr, oddDeps(t, registry), []controller{c}); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	wait := mgr.Run(ctx)
	for range 3 {
		synctest.Wait()
		for _, err := range mgr.Show() {
			t.Error(err)
		}
		time.Sleep(20 * time.Second) // those that look by the clock do so more often
	}
	if len(mgr.Watched()) == 0 {
		t.Error("it watches nothing")
	}
	if _, err := registry.Gather(); err != nil {
		t.Errorf("counting: %v", err)
	}
	end()
	wait()
}

// oddDeps have every controller run.
func oddDeps(t *testing.T, registry prometheus.Registerer) Deps {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	authority := &x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now(), NotAfter: time.Now().AddDate(10, 0, 0)}
	signer := &Signer{Certificate: authority, Key: key}
	return Deps{
		RootCA: []byte("pem"), LegacyToken: func(*corev1.ServiceAccount, *corev1.Secret) (string, error) { return "token", nil },
		ClusterCIDRs: []string{"10.42.0.0/16", "fd00:42::/48"}, ServiceCIDRs: []string{"10.43.0.0/16"}, ClientSigner: signer, ServingSigner: signer,
		StorageMigration: true, Metrics: registry, Cloud: &cloudfake.Cloud{
			EnableInstancesV2: true, ExistsByProviderID: true, ExternalIP: net.IPv4(198, 51, 100, 1), RouteMap: map[string]*cloudfake.Route{},
		},
	}
}
