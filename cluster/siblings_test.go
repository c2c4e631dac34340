package cluster

import (
	"path/filepath"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Servers of a new cluster may start at once: each finds half of what the other writes, and all is there when both serve.
func TestServersThatStartAtOnce(t *testing.T) {
	dir := t.TempDir()
	access, start, stop := outsideEtcd(t, filepath.Join(dir, "outside"), freeURL(t))
	start()
	defer stop()
	const servers = 3
	started := make(chan error, servers)
	running := make([]*Cluster, servers)
	for i := range servers {
		go func() {
			o := ForTest(filepath.Join(dir, strconv.Itoa(i)))
			o.Ephemeral = false
			useEtcd(&o, access)
			var err error
			running[i], err = Start(t.Context(), o)
			started <- err
		}()
	}
	for range servers {
		if err := <-started; err != nil {
			t.Errorf("a server does not start beside another: %v", err)
		}
	}
	for _, server := range running {
		if server == nil {
			continue
		}
		defer func() { _ = server.Stop() }()
		api, err := client.New(server.Config, client.Options{})
		if err != nil {
			t.Fatal(err)
		}
		service := &corev1.Service{}
		if err := api.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "kubernetes"}, service); err != nil {
			t.Fatal(err)
		}
		if err := api.Get(t.Context(), client.ObjectKey{Name: service.Spec.ClusterIP}, &networkingv1.IPAddress{}); err != nil {
			t.Errorf("the address of the Service: %v", err)
		}
		if err := api.Get(t.Context(), client.ObjectKey{Name: "cluster-admin"}, &rbacv1.ClusterRole{}); err != nil {
			t.Error(err)
		}
	}
}
