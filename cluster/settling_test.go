package cluster

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// conflicts counts writes of the kinds that were refused because what they were based on had changed.
func conflicts(t *testing.T, of *Cluster, kinds ...string) (n int) {
	t.Helper()
	c, err := discovery.NewDiscoveryClientForConfig(of.Config)
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.RESTClient().Get().AbsPath("/metrics").DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(bytes.NewReader(data)); lines.Scan(); {
		line := lines.Text()
		if !strings.HasPrefix(line, "apiserver_request_total{") || !strings.Contains(line, `code="409"`) {
			continue
		}
		for _, kind := range kinds {
			if strings.Contains(line, `resource="`+kind+`"`) {
				value, err := strconv.ParseFloat(line[strings.LastIndex(line, " ")+1:], 64)
				if err != nil {
					t.Fatal(err)
				}
				n += int(value)
			}
		}
	}
	return n
}

// Many Deployments that are made at once settle, and their controllers do not get in each other's way. COXSWAIN_DEPLOYMENTS=1000 makes as
// many of them; CI is content with fewer. One conflict of a Deployment with what it has written itself, which its cache does not show yet, is usual.
func TestDeploymentsSettleWithoutConflicts(t *testing.T) {
	count := 40
	if s := os.Getenv("COXSWAIN_DEPLOYMENTS"); s != "" {
		var err error
		if count, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	running, err := forTest(t.Context(), t.TempDir(), Scheduler)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = running.Stop() }()
	c, err := client.New(running.Config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "there is no service account", func() error {
		return c.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "default"}, &corev1.ServiceAccount{})
	})
	for i := range count {
		labels := map[string]string{"app": fmt.Sprintf("d%d", i)}
		deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: labels["app"]}, Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](10), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
				AutomountServiceAccountToken: ptr.To(false), Containers: []corev1.Container{{Name: "c", Image: "i"}},
			}},
		}}
		if err := c.Create(t.Context(), deployment); err != nil {
			t.Fatal(err)
		}
	}
	list := &appsv1.DeploymentList{}
	eventually(t, "they do not settle", func() error {
		if err := c.List(t.Context(), list, client.InNamespace("default")); err != nil {
			return err
		}
		settled := 0
		for _, d := range list.Items {
			if d.Status.UpdatedReplicas == 10 && d.Status.ObservedGeneration == d.Generation {
				settled++
			}
		}
		if settled != count {
			return fmt.Errorf("%d of %d have settled", settled, count)
		}
		return nil
	})
	if n := conflicts(t, running, "deployments", "replicasets", "pods"); n > 3*count {
		t.Errorf("%d Deployments had %d conflicts", count, n)
	} else {
		t.Logf("%d Deployments had %d conflicts", count, n)
	}
}
