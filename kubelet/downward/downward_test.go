package downward

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"
)

func read[T any](t *testing.T, text string) *T {
	t.Helper()
	out := new(T)
	if err := yaml.UnmarshalStrict([]byte(text), out); err != nil {
		t.Fatal(err)
	}
	return out
}

const pod = `
metadata:
  {name: web-0, namespace: ns, uid: 1-2-3, labels: {app: web, "example.com/tier": front}, annotations: {build: "two\nlines \"quoted\"", a: b}}
spec:
  {nodeName: node-1, serviceAccountName: robot}
`

func TestField(t *testing.T) {
	const labels, annotations = `app="web"` + "\n" + `example.com/tier="front"`, `a="b"` + "\n" + `build="two\nlines \"quoted\""`
	for path, want := range map[string]struct{ variable, file string }{
		"metadata.name":                       {"web-0", "web-0"},
		"metadata.namespace":                  {"ns", "ns"},
		"metadata.uid":                        {"1-2-3", "1-2-3"},
		"metadata.labels":                     {labels, labels},
		"metadata.annotations":                {annotations, annotations},
		"metadata.labels['app']":              {"web", "web"},
		"metadata.labels['example.com/tier']": {"front", "front"},
		"metadata.labels['none']":             {"", ""},
		"metadata.annotations['build']":       {"two\nlines \"quoted\"", "two\nlines \"quoted\""},
		"spec.nodeName":                       {"node-1", "unsupported fieldPath: spec.nodeName"},
		"spec.serviceAccountName":             {"robot", "unsupported fieldPath: spec.serviceAccountName"},
		"status.podIP":                        {"10.0.0.2", "unsupported fieldPath: status.podIP"},
		"status.podIPs":                       {"10.0.0.2,fd00::2", "unsupported fieldPath: status.podIPs"},
		"status.hostIP":                       {"192.0.2.1", "unsupported fieldPath: status.hostIP"},
		"status.hostIPs":                      {"192.0.2.1,fd01::1", "unsupported fieldPath: status.hostIPs"},
		"status.phase":                        {"unsupported fieldPath: status.phase", "unsupported fieldPath: status.phase"},
		"spec.nodeSelector['a']":              {`fieldPath "spec.nodeSelector['a']" does not support subscript`, `fieldPath "spec.nodeSelector['a']" does not support subscript`},
		"metadata.labels['app":                {"unsupported fieldPath: metadata.labels['app", "unsupported fieldPath: metadata.labels['app"},
	} {
		pod := read[corev1.Pod](t, pod)
		got := text(Field(pod, path, []string{"10.0.0.2", "fd00::2"}, []string{"192.0.2.1", "fd01::1"}))
		if got != want.variable {
			t.Errorf("a variable of %s: %q, want %q", path, got, want.variable)
		}
		if got := text(Metadata(pod, path)); got != want.file {
			t.Errorf("a file of %s: %q, want %q", path, got, want.file)
		}
	}
	if got := text(Field(&corev1.Pod{}, "status.podIP", nil, nil)); got != "" {
		t.Errorf("the address of a pod that has none: %q", got)
	}
}

func text(value string, err error) string {
	if err != nil {
		return err.Error()
	}
	return value
}

const containers = `
spec:
  initContainers:
  - {name: init, resources: {limits: {memory: 7Mi}}}
  containers:
  - name: app
    resources:
      requests: {cpu: 250m, memory: 100M, ephemeral-storage: 1Gi, hugepages-2Mi: 4Mi}
      limits: {cpu: 1500m, memory: 100Mi, ephemeral-storage: 2G, hugepages-2Mi: 4Mi, hugepages-1Gi: 1Gi}
  - {name: free}
  - {name: nothing, resources: {limits: {cpu: "0", memory: "0"}}}
`

func TestResource(t *testing.T) {
	allocatable := *read[corev1.ResourceList](t, `{cpu: 7500m, memory: 3Gi, ephemeral-storage: 9G, hugepages-2Mi: 64Mi}`)
	for _, test := range []struct{ container, resource, divisor, want string }{
		{"app", "limits.cpu", "", "2"},
		{"app", "limits.cpu", "0", "2"},
		{"app", "limits.cpu", "1m", "1500"},
		{"app", "requests.cpu", "", "1"},
		{"app", "requests.cpu", "1m", "250"},
		{"app", "limits.memory", "", "104857600"},
		{"app", "limits.memory", "1", "104857600"},
		{"app", "limits.memory", "1k", "104858"},
		{"app", "limits.memory", "1M", "105"},
		{"app", "limits.memory", "1G", "1"},
		{"app", "limits.memory", "1Ki", "102400"},
		{"app", "limits.memory", "1Mi", "100"},
		{"app", "limits.memory", "1Gi", "1"},
		{"app", "requests.memory", "1Mi", "96"},
		{"app", "requests.ephemeral-storage", "1Mi", "1024"},
		{"app", "limits.ephemeral-storage", "1Gi", "2"},
		{"app", "requests.hugepages-2Mi", "1Mi", "4"},
		{"app", "limits.hugepages-2Mi", "", "4194304"},
		{"app", "limits.hugepages-1Gi", "1Gi", "1"},
		{"app", "requests.hugepages-1Gi", "", "0"},
		{"init", "limits.memory", "1Mi", "7"},
		{"init", "limits.cpu", "", "8"},
		{"free", "limits.cpu", "1m", "7500"},
		{"free", "limits.memory", "1Gi", "3"},
		{"free", "limits.ephemeral-storage", "1G", "9"},
		{"free", "limits.hugepages-2Mi", "", "0"},
		{"free", "requests.cpu", "1m", "0"},
		{"free", "requests.memory", "", "0"},
		{"nothing", "limits.cpu", "1m", "7500"},
		{"nothing", "limits.memory", "1Gi", "3"},
		{"none", "limits.cpu", "", "container none not found"},
		{"app", "limits.example.com/gpu", "", "unsupported container resource : limits.example.com/gpu"},
		{"app", "cpu", "", "unsupported container resource : cpu"},
	} {
		pod := read[corev1.Pod](t, containers)
		ref := &corev1.ResourceFieldSelector{ContainerName: test.container, Resource: test.resource}
		if test.divisor != "" {
			ref.Divisor = resource.MustParse(test.divisor)
		}
		if got := text(Resource(pod, nil, ref, allocatable)); got != test.want {
			t.Errorf("a file of %s of %s by %q: %s, want %s", test.resource, test.container, test.divisor, got, test.want)
		}
		own := Container(pod, test.container)
		if got := text(Resource(pod, &pod.Spec.Containers[1], ref, allocatable)); got != test.want {
			t.Errorf("a variable of another container of %s of %s by %q: %s, want %s", test.resource, test.container, test.divisor, got, test.want)
		}
		if ref.ContainerName = ""; own == nil {
			continue
		}
		if got := text(Resource(pod, own, ref, allocatable)); got != test.want {
			t.Errorf("a variable of the container's own %s in %s by %q: %s, want %s", test.resource, test.container, test.divisor, got, test.want)
		}
	}
}

func TestLimitsOfThePod(t *testing.T) {
	pod := read[corev1.Pod](t, containers)
	pod.Spec.Resources = read[corev1.ResourceRequirements](t, `{limits: {cpu: "2", hugepages-2Mi: 8Mi}}`)
	allocatable := *read[corev1.ResourceList](t, `{cpu: "8", memory: 3Gi}`)
	for name, want := range map[string]string{"limits.cpu": "2", "limits.memory": "3221225472", "limits.hugepages-2Mi": "0", "requests.cpu": "0"} {
		if got := text(Resource(pod, nil, &corev1.ResourceFieldSelector{ContainerName: "free", Resource: name}, allocatable)); got != want {
			t.Errorf("%s of a container without limits: %s, want %s", name, got, want)
		}
	}
	if got := text(Resource(pod, nil, &corev1.ResourceFieldSelector{ContainerName: "app", Resource: "limits.cpu"}, allocatable)); got != "2" {
		t.Errorf("the limit of the container's own: %s", got)
	}
}
