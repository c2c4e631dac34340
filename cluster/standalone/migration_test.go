package standalone

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/controllers"
)

const allMigrate = `{apiVersion: controllermanager.config.k8s.io/v1, kind: LeaderMigrationConfiguration, leaderName: move, controllerLeaders: [
  {name: nodeipam, component: "*"}, {name: serviceaccount-controller, component: cloud-controller-manager}, {name: route, component: "*"}]}`

func migrationFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "migration.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What is named for all runs under the lease of the migration, what is named for another program does not run, and the rest does as ever.
func TestLeadersMigrate(t *testing.T) {
	kubeconfig, config := besideAServer(t)
	c, err := client.New(config, client.Options{Scheme: apis.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	other := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "move"}, Spec: coordinationv1.LeaseSpec{
		HolderIdentity: ptr.To("another"), LeaseDurationSeconds: ptr.To[int32](600), AcquireTime: ptr.To(metav1.NowMicro()), RenewTime: ptr.To(metav1.NowMicro()),
	}}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}}
	for _, o := range []client.Object{other, node} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	m := DefaultControllerManager()
	m.Kubeconfig, m.SecurePort, m.AllocateNodeCIDRs, m.ClusterCIDRs = kubeconfig, 0, true, []string{"10.42.0.0/16"}
	m.EnableLeaderMigration, m.LeaderMigrationConfig = true, migrationFile(t, allMigrate)
	defer runProgram(t, m.Run)()

	eventually(t, "what is not named", func() error {
		return c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "kube-root-ca.crt"}, &corev1.ConfigMap{})
	})
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(node), node); err != nil || node.Spec.PodCIDR != "" {
		t.Errorf("another holds the lease, and the node has %q, %v", node.Spec.PodCIDR, err)
	}
	eventually(t, "giving up the lease", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(other), other); err != nil {
			return err
		}
		other.Spec.HolderIdentity = ptr.To("")
		return c.Update(t.Context(), other)
	})
	eventually(t, "the node's share", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(node), node); err != nil {
			return err
		}
		if node.Spec.PodCIDR == "" {
			return errors.New("there is none")
		}
		return nil
	})
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "default"}, &corev1.ServiceAccount{}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("a controller runs that is another's: %v", err)
	}
}

func TestWhoRunsWhatInAMigration(t *testing.T) {
	c := defaultMigration()
	for component, want := range map[string][]string{"kube-controller-manager": {"route", "service", "cloud-node-lifecycle"}, "cloud-controller-manager": {"route", "service", "cloud-node-lifecycle"}} {
		if shared, elsewhere := c.named(component); !slices.Equal(shared, want) || len(elsewhere) > 0 {
			t.Errorf("%s shares %v and leaves %v", component, shared, elsewhere)
		}
	}
	shared, _ := c.named("cloud-controller-manager")
	if named, others := controllers.CloudAmong(shared); !slices.Equal(named, []string{"cloudnodelifecycle", "service", "route"}) || !slices.Equal(others, []string{"cloudnode"}) {
		t.Errorf("under the lease %v, and as ever %v", named, others)
	}
	if named, _ := controllers.ManagedAmong(shared); len(named) > 0 {
		t.Errorf("kube-controller-manager has %v of a cloud", named)
	}
}

func TestMigrationsThatCannotBe(t *testing.T) {
	for text, want := range map[string]string{
		"{": "reading --leader-migration-config",
		"{apiVersion: v1, kind: LeaderMigrationConfiguration, leaderName: l}":                                                                               "want a LeaderMigrationConfiguration",
		"{apiVersion: controllermanager.config.k8s.io/v1, kind: LeaderMigrationConfiguration}":                                                              "leaderName must be set for",
		"{apiVersion: controllermanager.config.k8s.io/v1, kind: LeaderMigrationConfiguration, leaderName: l, controllerLeaders: [{name: route}]}":           "controllerLeaders[0].component: Required value",
		"{apiVersion: controllermanager.config.k8s.io/v1, kind: LeaderMigrationConfiguration, leaderName: l, controllerLeaderz: [{name: a, component: b}]}": "controllerLeaderz",
	} {
		m := Migration{EnableLeaderMigration: true, LeaderMigrationConfig: migrationFile(t, text)}
		if _, err := m.load(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
	m := Migration{EnableLeaderMigration: true, LeaderMigrationConfig: "/nowhere/at/all"}
	if _, err := m.load(); err == nil {
		t.Error("a file that is not there is read")
	}
}
