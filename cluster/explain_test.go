package cluster

import (
	"errors"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/cluster/serving"
)

// What the scheduler knows of a pod is told to those who may read the path of its namespace.
func TestExplanationsAreForWhoMay(t *testing.T) {
	running, c := started(t, ForTest(t.TempDir()))
	jane := rest.CopyConfig(running.Config)
	jane.Impersonate = rest.ImpersonationConfig{UserName: "jane"}
	path := serving.ExplainPath + "default/pods/waits"
	if answer := ask(t, jane, path); !strings.HasPrefix(answer, "403 ") {
		t.Error("anybody is told:", answer)
	}
	for _, object := range []client.Object{
		&rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "why"}, Rules: []rbacv1.PolicyRule{{Verbs: []string{"get"}, NonResourceURLs: []string{serving.ExplainPath + "default/*"}}}},
		&rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: "why"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "why"},
			Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: "jane"}},
		},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "waits"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "x"}}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "waits"}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "x"}}}},
	} {
		// The service accounts of the namespaces may still have to be made.
		eventually(t, "creating it", func() error { return c.Create(t.Context(), object) })
	}
	eventually(t, "who may is not told", func() error {
		answer := ask(t, jane, path)
		if strings.HasPrefix(answer, "200 ") && strings.Contains(answer, `"served":true`) && strings.Contains(answer, `"attempts":`) {
			return nil
		}
		return errors.New(answer)
	})
	if answer := ask(t, jane, serving.ExplainPath+"kube-public/pods/waits"); !strings.HasPrefix(answer, "403 ") {
		t.Error("she is told of another namespace:", answer)
	}
	if answer := ask(t, running.Config, serving.ExplainPath+"default/pods/nobody"); !strings.HasPrefix(answer, "404 ") {
		t.Error("of a pod that there is not:", answer)
	}
}
