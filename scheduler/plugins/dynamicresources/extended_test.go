package dynamicresources

import (
	"fmt"
	"os"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
)

// nic is a resource that the class "nic" stands for.
const nic = corev1.ResourceName(resourcev1.ResourceDeviceClassPrefix + "nic")

// asking reads "I3 S1 A2": init containers, sidecars and others, and how many devices each asks for.
func asking(text string) *corev1.Pod {
	p := pod("p")
	for i, word := range strings.Fields(text) {
		c := corev1.Container{Name: fmt.Sprintf("%s-%d", strings.ToLower(word), i)}
		if amount := word[1:]; amount != "" {
			c.Resources.Requests = corev1.ResourceList{nic: resource.MustParse(amount)}
		}
		switch word[0] {
		case 'A':
			p.Spec.Containers = append(p.Spec.Containers, c)
			continue
		case 'S':
			c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		}
		p.Spec.InitContainers = append(p.Spec.InitContainers, c)
	}
	return p
}

func (e *extended) String() string {
	var all []string
	for _, r := range e.requests {
		all = append(all, fmt.Sprintf("%s=%d", strings.TrimPrefix(r.Name, "container-"), r.Exactly.Count))
	}
	all = append(all, "|")
	for _, m := range e.mappings {
		all = append(all, m.ContainerName+":"+strings.TrimPrefix(m.RequestName, "container-"))
	}
	return strings.Join(all, " ")
}

func TestRequestsForExtendedResourcesAreThoseThatUpstreamMakes(t *testing.T) {
	data, err := os.ReadFile("testdata/extended.txt")
	if err != nil {
		t.Fatal(err)
	}
	classes := deviceclass.Classes{nic: &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "nic"}}}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		ask, want, ok := strings.Cut(line, " -> ")
		if !ok {
			continue
		}
		if got := extendedRequests(asking(ask), classes).String(); got != want {
			t.Errorf("%s:\n got %s\nwant %s", ask, got, want)
		}
	}
}

// What else a container requests counts for the name, and resources come by their names.
func TestNamesRequestsByTheirPlaceInTheContainer(t *testing.T) {
	p := asking("A1")
	for _, name := range []corev1.ResourceName{"cpu", "memory", "aaa.com/x", "example.com/gpu"} {
		p.Spec.Containers[0].Resources.Requests[name] = resource.MustParse("1")
	}
	class := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "any"}}
	got := extendedRequests(p, deviceclass.Classes{"example.com/gpu": class, nic: class}).String()
	if want := "0-request-2=1 0-request-3=1 | a1-0:0-request-2 a1-0:0-request-3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
