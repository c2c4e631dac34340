package standalone

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	cloudprovider "k8s.io/cloud-provider"
	cloudfake "k8s.io/cloud-provider/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/cluster"
)

// A cloud controller manager beside a server that leaves the cloud to it: a node that waits is let in, Services get load balancers, a node
// without a machine goes, and its port is open to those who may.
func TestCloudManagerBesideAServer(t *testing.T) {
	options := cluster.ForTest(t.TempDir())
	options.Disable = slices.DeleteFunc(options.Disable, func(part string) bool { return part == cluster.CloudControllers })
	options.CloudProvider = "external"
	running, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = running.Stop() }()
	c, err := client.New(running.Config, client.Options{Scheme: apis.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	fake := &cloudfake.Cloud{
		EnableInstancesV2: true, ExternalIP: []byte{192, 0, 2, 9}, RouteMap: map[string]*cloudfake.Route{},
		ProviderID: map[types.NodeName]string{"boat": "sea://boat"}, ExistsByProviderID: true,
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeExternalIP, Address: "198.51.100.7"}},
	}
	m := DefaultCloudManager()
	m.Kubeconfig, m.CloudProvider, m.AllowUntaggedCloud = running.Kubeconfig, "fake", true
	m.AuthenticationKubeconfig, m.AuthorizationKubeconfig = running.Kubeconfig, running.Kubeconfig
	m.BindAddress = "127.0.115.1" // nobody else takes its ports
	m.SecurePort = freePort(t, m.BindAddress)
	m.UseServiceAccountCredentials = true
	m.AllocateNodeCIDRs, m.ClusterCIDRs = true, []string{"10.42.0.0/16"}
	m.Providers = map[string]CloudFactory{"fake": func(io.Reader, client.Client) (cloudprovider.Interface, error) { return fake, nil }}
	defer runProgram(t, m.Run)()

	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "node.cloudprovider.kubernetes.io/uninitialized", Value: "true", Effect: corev1.TaintEffectNoSchedule}}}}
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer, Ports: []corev1.ServicePort{{Port: 80}}}}
	for _, o := range []client.Object{node, service} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the node to be let in", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(node), node); err != nil {
			return err
		}
		waits := slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool { return taint.Key == "node.cloudprovider.kubernetes.io/uninitialized" })
		known := slices.ContainsFunc(node.Status.Addresses, func(a corev1.NodeAddress) bool { return a.Address == "198.51.100.7" })
		if waits || !known || node.Spec.ProviderID != "sea://boat" {
			return errors.New(node.String())
		}
		return nil
	})
	eventually(t, "the load balancer", func() error {
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(service), service); err != nil {
			return err
		}
		if ingress := service.Status.LoadBalancer.Ingress; len(ingress) != 1 || ingress[0].IP != "192.0.2.9" {
			return errors.New(service.Status.String())
		}
		return nil
	})
	admin, err := rest.TLSConfigFor(running.Config)
	if err != nil {
		t.Fatal(err)
	}
	admin.InsecureSkipVerify = true // its certificate signs itself
	stranger := &tls.Config{InsecureSkipVerify: true}
	for _, want := range []struct {
		who         *tls.Config
		token, path string
		status      int
		says        string
	}{
		{stranger, "", "/healthz", http.StatusOK, "ok"},
		{stranger, "", "/metrics", http.StatusForbidden, `forbidden: User \"system:anonymous\" cannot get path \"/metrics\"`},
		{admin, "", "/metrics", http.StatusOK, "workqueue_"},
		{stranger, scraper(t, c), "/metrics", http.StatusOK, "workqueue_"},
		{stranger, scraper(t, c), "/debug/pprof/", http.StatusForbidden, `User \"system:serviceaccount:default:scraper\" cannot get path`},
		{stranger, "of nobody", "/metrics", http.StatusUnauthorized, "Unauthorized"},
	} {
		caller := &http.Client{Transport: &http.Transport{TLSClientConfig: want.who}}
		eventually(t, want.path, func() error {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+m.BindAddress+":"+strconv.Itoa(m.SecurePort)+want.path, nil)
			if err != nil {
				return err
			}
			if want.token != "" {
				request.Header.Set("Authorization", "Bearer "+want.token)
			}
			answer, err := caller.Do(request)
			if err != nil {
				return err
			}
			defer func() { _ = answer.Body.Close() }()
			body, err := io.ReadAll(answer.Body)
			if err != nil || answer.StatusCode != want.status || !strings.Contains(string(body), want.says) {
				return errors.Join(err, errors.New(answer.Status+": "+string(body)))
			}
			return nil
		})
		caller.CloseIdleConnections()
	}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: "cloud-controller-manager"}, &coordinationv1.Lease{}); err != nil {
		t.Errorf("the lease that it leads by: %v", err)
	}
}

// scraper is a token of a ServiceAccount that may read metrics.
func scraper(t *testing.T, c client.Client) string {
	t.Helper()
	meta := metav1.ObjectMeta{Namespace: "default", Name: "scraper"}
	account := &corev1.ServiceAccount{ObjectMeta: meta}
	for _, o := range []client.Object{
		account,
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{"/metrics"}}}},
		&rbacv1.ClusterRoleBinding{ObjectMeta: metav1.ObjectMeta{Name: meta.Name}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "scraper"},
			Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: "default", Name: "scraper"}}},
	} {
		if err := c.Create(t.Context(), o); client.IgnoreAlreadyExists(err) != nil {
			t.Fatal(err)
		}
	}
	request := &authenticationv1.TokenRequest{}
	if err := c.SubResource("token").Create(t.Context(), account, request); err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}
