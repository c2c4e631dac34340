package env

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

func TestExpand(t *testing.T) {
	lookup := func(name string) (string, bool) { return "<" + name + ">", name != "NONE" }
	for text, want := range map[string]string{
		"plain": "plain", "$(A)": "<A>", "a$(A)b$(B)": "a<A>b<B>", "$(NONE)": "$(NONE)", "$$(A)": "$(A)", "$$$(A)": "$<A>", "$$$$(A)": "$$(A)",
		"$A": "$A", "$": "$", "a$": "a$", "$(A": "$(A", "$()": "<>", "$$": "$",
	} {
		if got := Expand(text, lookup); got != want {
			t.Errorf("Expand(%q) = %q, want %q", text, got, want)
		}
	}
}

var errMissing = errors.New("not found")

type objects struct{}

func (objects) NotFound(err error) bool { return errors.Is(err, errMissing) }

func (objects) ConfigMap(_ context.Context, _, name string) (*corev1.ConfigMap, error) {
	if name != "cm" {
		return nil, errMissing
	}
	return &corev1.ConfigMap{Data: map[string]string{"k": "v", "l": "w"}}, nil
}

func (objects) Secret(_ context.Context, _, name string) (*corev1.Secret, error) {
	if name != "sec" {
		return nil, errMissing
	}
	return &corev1.Secret{Data: map[string][]byte{"pw": []byte("hush")}}, nil
}

func (objects) Services(context.Context, string) ([]corev1.Service, error) {
	return []corev1.Service{
		service("default", "kubernetes", "10.43.0.1", corev1.ServicePort{Name: "https", Port: 443}),
		service("ns", "redis-master", "10.43.0.7", corev1.ServicePort{Port: 6379}),
		service("ns", "headless", "None", corev1.ServicePort{Port: 1}),
		service("other", "far", "10.43.0.9", corev1.ServicePort{Port: 1}),
	}, nil
}

func service(namespace, name, ip string, port corev1.ServicePort) corev1.Service {
	return corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{ClusterIP: ip, Ports: []corev1.ServicePort{port}}}
}

func TestEnv(t *testing.T) {
	const redis = "REDIS_MASTER_PORT=tcp://10.43.0.7:6379 REDIS_MASTER_PORT_6379_TCP=tcp://10.43.0.7:6379 REDIS_MASTER_PORT_6379_TCP_ADDR=10.43.0.7 " +
		"REDIS_MASTER_PORT_6379_TCP_PORT=6379 REDIS_MASTER_PORT_6379_TCP_PROTO=tcp REDIS_MASTER_SERVICE_HOST=10.43.0.7 REDIS_MASTER_SERVICE_PORT=6379"
	const kubernetes = "KUBERNETES_PORT=tcp://10.43.0.1:443 KUBERNETES_PORT_443_TCP=tcp://10.43.0.1:443 KUBERNETES_PORT_443_TCP_ADDR=10.43.0.1 " +
		"KUBERNETES_PORT_443_TCP_PORT=443 KUBERNETES_PORT_443_TCP_PROTO=tcp KUBERNETES_SERVICE_HOST=10.43.0.1 KUBERNETES_SERVICE_PORT=443 KUBERNETES_SERVICE_PORT_HTTPS=443"
	cases := []struct {
		why, container string
		links          bool
		want           string
	}{
		{"services of the namespace and the API's", `{}`, true, kubernetes + " " + redis},
		{"without links the API's alone", `{}`, false, kubernetes},
		{"from a ConfigMap and a Secret", `{envFrom: [{configMapRef: {name: cm}, prefix: P_}, {secretRef: {name: sec}}]}`, false, "P_k=v P_l=w pw=hush " + kubernetes},
		{"own variables win, and see what was before them", `{envFrom: [{configMapRef: {name: cm}}], env: [{name: k, value: "$(l)$(k)"}, {name: u, value: "http://$(KUBERNETES_SERVICE_HOST)"}]}`, false, "k=wv l=w u=http://10.43.0.1 " + kubernetes},
		{"a service's variable can be replaced", `{env: [{name: KUBERNETES_SERVICE_HOST, value: x}]}`, false, "KUBERNETES_SERVICE_HOST=x " + strings.Replace(kubernetes, "KUBERNETES_SERVICE_HOST=10.43.0.1 ", "", 1)},
		{"fields", `{env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}, {name: L, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}]}`, false, "IP=10.0.0.2 L=web " + kubernetes},
		{"resources round up", `{resources: {limits: {cpu: 1500m}, requests: {memory: 100Mi}}, env: [{name: C, valueFrom: {resourceFieldRef: {resource: limits.cpu}}}, {name: M, valueFrom: {resourceFieldRef: {resource: requests.memory, divisor: 1Mi}}}, {name: D, valueFrom: {resourceFieldRef: {resource: limits.memory}}}]}`, false, "C=2 M=100 D=4096 " + kubernetes},
		{"optional ones may be missing", `{envFrom: [{configMapRef: {name: absent, optional: true}}], env: [{name: A, valueFrom: {secretKeyRef: {name: sec, key: absent, optional: true}}}]}`, false, kubernetes},
		{"others may not", `{env: [{name: A, valueFrom: {secretKeyRef: {name: sec, key: absent}}}]}`, false, "error: couldn't find key absent in Secret ns/sec"},
		{"files cannot be read, which is no empty variable", `{env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: p, key: k}}}]}`, false, "error: fileKeyRef is not supported"},
	}
	for _, c := range cases {
		container := &corev1.Container{}
		if err := yaml.UnmarshalStrict([]byte(c.container), container); err != nil {
			t.Fatal(err)
		}
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Labels: map[string]string{"app": "web"}}, Spec: corev1.PodSpec{EnableServiceLinks: &c.links}}
		in := Input{Pod: pod, Container: container, PodIPs: []string{"10.0.0.2"}, Source: objects{}}
		if err := yaml.Unmarshal([]byte(`{memory: "4096"}`), &in.Allocatable); err != nil {
			t.Fatal(err)
		}
		got, err := Make(t.Context(), in)
		var words []string
		for _, kv := range got {
			words = append(words, kv.Key+"="+string(kv.Value))
		}
		text := strings.Join(words, " ")
		if err != nil {
			text = "error: " + err.Error()
		}
		if diff := cmp.Diff(c.want, text); diff != "" {
			t.Errorf("%s: %s", c.why, diff)
		}
	}
}
