package standalone

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster"
)

// besideAServer is a kubeconfig of a server that runs neither controllers nor a scheduler: of ours, or of another that
// COXSWAIN_STANDALONE_KUBECONFIG names, such as upstream's.
func besideAServer(t *testing.T) (kubeconfig string, config *rest.Config) {
	t.Helper()
	if other := os.Getenv("COXSWAIN_STANDALONE_KUBECONFIG"); other != "" {
		config, err := clientcmd.BuildConfigFromFlags("", other)
		if err != nil {
			t.Fatal(err)
		}
		return other, config
	}
	options := cluster.ForTest(t.TempDir())
	options.Disable = append(options.Disable, cluster.Controllers, cluster.Scheduler)
	running, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = running.Stop() })
	return running.Kubeconfig, running.Config
}

// A Deployment's pods are made and bound by programs beside a server, each controller as an account of its own.
func TestControllersAndSchedulerBesideAServer(t *testing.T) {
	kubeconfig, config := besideAServer(t)
	m, s := DefaultControllerManager(), DefaultScheduler()
	m.Kubeconfig, m.SecurePort, m.UseServiceAccountCredentials, m.Master = kubeconfig, 0, true, ""
	m.AllocateNodeCIDRs, m.ClusterCIDRs, m.ServiceCIDRs = true, []string{"10.42.0.0/16"}, []string{"10.42.0.0/24"}
	s.Config = filepath.Join(t.TempDir(), "scheduler.yaml")
	s.BindAddress = "127.0.115.2"
	s.SecurePort = freePort(t, s.BindAddress)
	file := fmt.Sprintf("apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\nclientConnection: {kubeconfig: %q}\nleaderElection: {resourceName: helmsman}\n", kubeconfig)
	if err := os.WriteFile(s.Config, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Complete(func(string) bool { return false }); err != nil {
		t.Fatal(err)
	}
	defer runProgram(t, m.Run)()
	defer runProgram(t, s.Run)()

	c, err := client.New(config, client.Options{Scheme: apis.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	room := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("9")}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}}
	labels := map[string]string{"app": "web"}
	web := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: appsv1.DeploymentSpec{
		Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}, Containers: []corev1.Container{{Name: "web", Image: "web"}}}},
	}}
	for _, o := range []client.Object{node, web} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the node's room", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(node), node); err != nil {
			return err
		}
		node.Status.Capacity, node.Status.Allocatable = room, room
		return c.Status().Update(t.Context(), node)
	})
	eventually(t, "the pods to be bound", func() error { return bound(t, c, labels) })
	eventually(t, "the node's share, which is none of the services'", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(node), node); err != nil {
			return err
		}
		if node.Spec.PodCIDR != "10.42.1.0/24" {
			return errors.New(node.Spec.PodCIDR)
		}
		return nil
	})
	actsAs(t, c, web)
	checksPolicies(t, c)
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: "deployment-controller"}, &corev1.ServiceAccount{}); err != nil {
		t.Errorf("the account of a controller: %v", err)
	}
}

func bound(t *testing.T, c client.Client, labels map[string]string) error {
	t.Helper()
	var pods corev1.PodList
	if err := c.List(t.Context(), &pods, client.InNamespace("default"), client.MatchingLabels(labels)); err != nil {
		return err
	}
	if len(pods.Items) != 2 || slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool { return p.Spec.NodeName != "boat" }) {
		return fmt.Errorf("%d pods", len(pods.Items))
	}
	return nil
}

// actsAs looks whose hand the Deployment's status shows.
func actsAs(t *testing.T, c client.Client, web *appsv1.Deployment) {
	t.Helper()
	eventually(t, "the status of the Deployment", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(web), web); err != nil {
			return err
		}
		if web.Status.Replicas != 2 {
			return errors.New(web.Status.String())
		}
		return nil
	})
	for _, entry := range web.ManagedFields {
		if entry.Manager == "kube-controller-manager" && entry.Subresource == "status" {
			return
		}
	}
	t.Errorf("kube-controller-manager manages nothing of %v", web.ManagedFields)
}

// checksPolicies waits until it is said that an expression is about what no object has.
func checksPolicies(t *testing.T, c client.Client) {
	t.Helper()
	policy := &admissionregistrationv1.ValidatingAdmissionPolicy{ObjectMeta: metav1.ObjectMeta{Name: "typo"}, Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
		MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
			Operations: []admissionregistrationv1.OperationType{"CREATE"}, Rule: admissionregistrationv1.Rule{APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"}},
		}}}},
		Validations: []admissionregistrationv1.Validation{{Expression: "object.spec.replicaz > 1"}},
	}}
	if err := c.Create(t.Context(), policy); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the types of a policy to be checked", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(policy), policy); err != nil {
			return err
		}
		if of := policy.Status.TypeChecking; of == nil || len(of.ExpressionWarnings) != 1 || policy.Status.ObservedGeneration != policy.Generation {
			return errors.New(policy.Status.String())
		}
		return nil
	})
}

func TestWhatCannotBe(t *testing.T) {
	for want, change := range map[string]func(*ControllerManager){
		"--cluster-cidr is required":      func(m *ControllerManager) { m.AllocateNodeCIDRs = true },
		"one of each family":              func(m *ControllerManager) { m.ClusterCIDRs = []string{"10.0.0.0/16", "10.1.0.0/16"} },
		"cannot specify cert without key": func(m *ControllerManager) { m.ClusterSigning.Cert = "ca.crt" },
		"at the same time": func(m *ControllerManager) {
			m.ClusterSigning, m.SigningKubeletClient = KeyFiles{"a", "b"}, KeyFiles{"a", "b"}
		},
		`"rudder" is not in the list of`:   func(m *ControllerManager) { m.Controllers = []string{"*", "-rudder"} },
		"invalid value of Sails=maybe":     func(m *ControllerManager) { m.FeatureGates = map[string]string{"Sails": "maybe"} },
		"--max-endpoints-per-slice=0":      func(m *ControllerManager) { m.Tuning.EndpointsPerSlice = 0 },
		"-1 workers of job":                func(m *ControllerManager) { m.Tuning.Workers["job"] = -1 },
		"must be between 0 and 65535":      func(m *ControllerManager) { m.SecurePort = -1 },
		"leader-elect-lease-duration must": func(m *ControllerManager) { m.LeaderElectLeaseDuration = metav1.Duration{} },
	} {
		m := DefaultControllerManager()
		change(&m)
		if err := m.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
