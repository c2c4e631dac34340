package policy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/labels"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/network/packetfilter"
	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// A case is a file of policies; the pods and namespaces are the same for all.
func TestCompute(t *testing.T) {
	pairs.Each(t, "testdata/*.in.yaml", ".out.txt", func(t *testing.T, in []byte) []byte {
		input := scene(t)
		for _, doc := range documents(t, in) {
			p := &networkingv1.NetworkPolicy{}
			decode(t, doc, p)
			input.Policies = append(input.Policies, p)
		}
		return []byte(describe(input, compute(input)))
	})
}

// scene reads the pods and namespaces of testdata/scene.yaml.
func scene(t *testing.T) Input {
	in := Input{Node: "here", Namespaces: map[string]labels.Set{}, NameServers: []packetfilter.PodPort{
		{Address: netip.MustParseAddr("192.168.1.1"), Protocol: corev1.ProtocolUDP, Port: 40053},
		{Address: netip.MustParseAddr("192.168.1.1"), Protocol: corev1.ProtocolTCP, Port: 40053},
	}}
	for _, doc := range documents(t, content(t, "testdata/scene.yaml")) {
		if bytes.Contains(doc, []byte("kind: Namespace")) {
			ns := &corev1.Namespace{}
			decode(t, doc, ns)
			in.Namespaces[ns.Name] = ns.Labels
			continue
		}
		pod := &corev1.Pod{}
		decode(t, doc, pod)
		in.Pods = append(in.Pods, pod)
	}
	return in
}

func documents(t *testing.T, in []byte) [][]byte {
	t.Helper()
	r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(in)))
	var out [][]byte
	for {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, doc)
	}
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func decode(t *testing.T, doc []byte, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict(doc, into); err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
}

// describe names pods instead of addresses.
func describe(in Input, i *packetfilter.Isolation) string {
	names := map[netip.Addr]string{}
	for _, p := range in.Pods {
		for _, a := range addresses(p) {
			names[a] = p.Namespace + "/" + p.Name
			if a.Is6() {
				names[a] += " (IPv6)"
			}
		}
	}
	var lines []string
	for direction, all := range map[string]map[netip.Addr]string{"from": i.Ingress, "to": i.Egress} {
		for a, list := range all {
			for _, r := range i.Lists[list] {
				lines = append(lines, fmt.Sprintf("%s %s %s", names[a], direction, describeRule(r, i, names)))
			}
			if len(i.Lists[list]) == 0 {
				lines = append(lines, fmt.Sprintf("%s %s nobody", names[a], direction))
			}
		}
	}
	for _, c := range i.NameClients {
		lines = append(lines, fmt.Sprintf("%s to name servers %v by %s", names[c.Address], len(i.NameServers) > 0, c.Protocol))
	}
	slices.Sort(lines)
	return strings.Join(slices.Compact(lines), "\n") + "\n"
}

func describeRule(r packetfilter.Rule, i *packetfilter.Isolation, names map[netip.Addr]string) string {
	var who []string
	switch {
	case r.Ports != "":
		for _, p := range i.Ports[r.Ports] {
			who = append(who, fmt.Sprintf("%s %s %d", names[p.Address], p.Protocol, p.Port))
		}
	case r.Group != "":
		for _, a := range i.Groups[r.Group] {
			who = append(who, names[a])
		}
		who = slices.Compact(who)
	case r.Block.IsValid():
		who = []string{r.Block.String()}
		for _, e := range r.Except {
			who = append(who, "but not "+e.String())
		}
	default:
		who = []string{"anybody"}
	}
	out := "[" + strings.Join(who, ", ") + "]"
	if r.Protocol != "" {
		out += " " + string(r.Protocol)
	}
	if r.Port != 0 {
		out += fmt.Sprintf(" %d", r.Port)
	}
	if r.EndPort != 0 {
		out += fmt.Sprintf("-%d", r.EndPort)
	}
	return out
}

// The same input in any order gives the same names, so that the kernel is told nothing.
func TestOrderDoesNotMatter(t *testing.T) {
	read := func(reverse bool) *packetfilter.Isolation {
		in := scene(t)
		for _, file := range []string{"testdata/several.in.yaml", "testdata/named-ports.in.yaml"} {
			for _, doc := range documents(t, content(t, file)) {
				p := &networkingv1.NetworkPolicy{}
				decode(t, doc, p)
				in.Policies = append(in.Policies, p)
			}
		}
		if reverse {
			slices.Reverse(in.Policies)
			slices.Reverse(in.Pods)
		}
		return compute(in)
	}
	a, b := read(false), read(true)
	if diff := cmp.Diff(a.Ingress, b.Ingress, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if !maps.Equal(a.Egress, b.Egress) || !maps.EqualFunc(a.Groups, b.Groups, slices.Equal[[]netip.Addr]) {
		t.Error("egress or groups differ")
	}
}

// 5,000 pods, 100 of them here, in 50 namespaces of 10 policies each.
func BenchmarkCompute(b *testing.B) {
	in := Input{Node: "here", Namespaces: map[string]labels.Set{}}
	for n := range 50 {
		ns := fmt.Sprintf("ns-%d", n)
		in.Namespaces[ns] = labels.Set{"name": ns}
		for i := range 100 {
			pod := &corev1.Pod{}
			pod.Namespace, pod.Name, pod.Labels = ns, fmt.Sprintf("pod-%d", i), map[string]string{"app": fmt.Sprintf("app-%d", i%10)}
			pod.Status.PodIPs = []corev1.PodIP{{IP: fmt.Sprintf("10.42.%d.%d", n, i)}}
			if i < 2 {
				pod.Spec.NodeName = in.Node
			}
			in.Pods = append(in.Pods, pod)
		}
		for i := range 10 {
			p := &networkingv1.NetworkPolicy{}
			p.Namespace, p.Name = ns, fmt.Sprintf("policy-%d", i)
			p.Spec.PodSelector.MatchLabels = map[string]string{"app": fmt.Sprintf("app-%d", i)}
			p.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{{PodSelector: &p.Spec.PodSelector}}}}
			in.Policies = append(in.Policies, p)
		}
	}
	for b.Loop() {
		if out := compute(in); len(out.Ingress) != 100 {
			b.Fatal(len(out.Ingress))
		}
	}
}
