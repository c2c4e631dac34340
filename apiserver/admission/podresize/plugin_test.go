package podresize_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/podresize"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

// podOn asks for as much on a node, in each of its two containers.
func podOn(node, cpu, memory string) *corev1.Pod {
	requests := corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse(cpu), corev1.ResourceMemory: apiresource.MustParse(memory)}
	container := corev1.Container{Name: "a", Resources: corev1.ResourceRequirements{Requests: requests}}
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "default"}, Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{container, container}}}
}

// The messages and causes are what upstream's API server answers.
func TestResizes(t *testing.T) {
	lister := authtest.New()
	for name, system := range map[string]string{"linux": "linux", "windows": "windows", "unknown": ""} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
		if system != "" {
			node.Labels[corev1.LabelOSStable] = system
		}
		node.Status.Allocatable = corev1.ResourceList{corev1.ResourceCPU: apiresource.MustParse("2"), corev1.ResourceMemory: apiresource.MustParse("1Gi")}
		lister.Add("nodes", node)
	}
	plugin := &podresize.Plugin{Lister: lister}
	for _, c := range []struct {
		node, cpu, memory, subresource string
		message, cause                 string
	}{
		{"linux", "1", "512Mi", "resize", "", ""},
		{"linux", "1001m", "1Mi", "resize", `pods "p" is forbidden: node didn't have enough allocatable resources: cpu, requested: 2002, allocatable: 2000`, "NodeCapacity"},
		{"unknown", "2", "1Gi", "resize", `pods "p" is forbidden: node didn't have enough allocatable resources: cpu, requested: 4000, allocatable: 2000; memory, requested: 2147483648, allocatable: 1073741824`, "NodeCapacity"},
		{"windows", "1", "1Mi", "resize", `pods "p" is forbidden: pod resize is only supported on linux nodes, node "windows" is "windows"`, "UnsupportedPlatform"},
		{"windows", "100m", "1Mi", "resize", "", ""}, // nothing is resized
		{"nowhere", "1", "1Mi", "resize", `pods "p" is forbidden: node "nowhere" not found`, ""},
		{"", "9", "1Mi", "resize", "", ""},
		{"linux", "9", "1Mi", "", "", ""},
	} {
		err := plugin.Validate(context.Background(), &admission.Attributes{
			Operation: admission.Update, Resource: &resource.Resource{Name: "pods", Namespaced: true}, Subresource: c.subresource,
			Name: "p", Namespace: "default", Object: podOn(c.node, c.cpu, c.memory), Old: podOn(c.node, "100m", "1Mi"),
		})
		var message, cause string
		var status *apierrors.StatusError
		if errors.As(err, &status) {
			message = status.Error()
			for _, one := range status.ErrStatus.Details.Causes {
				cause = string(one.Type)
			}
		}
		if diff := cmp.Diff([]string{c.message, c.cause}, []string{message, cause}); diff != "" {
			t.Errorf("%s of %s and %s on %q: %s", c.subresource, c.cpu, c.memory, c.node, diff)
		}
	}
}
