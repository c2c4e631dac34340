package deviceclass

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func class(name, stands string, minutes int) *resourcev1.DeviceClass {
	c := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(time.Unix(int64(60*minutes), 0))}}
	if stands != "" {
		c.Spec.ExtendedResourceName = ptr.To(stands)
	}
	return c
}

func TestFindsTheClassThatStandsForAResource(t *testing.T) {
	reader := fake.NewClientBuilder().WithObjects(
		class("old", "example.com/gpu", 1), class("young", "example.com/gpu", 2), class("same", "example.com/gpu", 2), class("nic", "", 1),
	).Build()
	for _, test := range []struct{ resource, amount, want, why string }{
		{"example.com/gpu", "1", "same", "the youngest, and the first by name"},
		{"deviceclass.resource.kubernetes.io/nic", "2", "nic", "the name says which class"},
		{"deviceclass.resource.kubernetes.io/none", "1", "", "there is no such class"},
		{"example.com/other", "1", "", "no class names it"},
		{"example.com/gpu", "0", "", "nothing is asked for"},
		{"cpu", "1", "", "no extended resource"},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceName(test.resource): resource.MustParse(test.amount)},
		}}}}}
		classes, err := Of(t.Context(), reader, pod)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if found := classes[corev1.ResourceName(test.resource)]; found != nil {
			got = found.Name
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q: %s", test.resource, got, test.want, test.why)
		}
	}
}
