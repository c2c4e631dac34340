package rules

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// input is a Service, its slices and the node that the rules are for.
type input struct {
	Node    Node                         `json:"node"`
	Service *corev1.Service              `json:"service"`
	Slices  []*discoveryv1.EndpointSlice `json:"slices"`
}

// output is ServiceRules in a form that reads well.
type output struct {
	Frontends   map[string]Target   `json:"frontends,omitempty"`
	Pools       map[string][]string `json:"pools,omitempty"`
	Affinity    string              `json:"affinity,omitempty"`
	ClusterIPs  []string            `json:"clusterIPs,omitempty"`
	HealthCheck *HealthCheck        `json:"healthCheck,omitempty"`
}

// TestCompute: a new case is two files NAME.in.yaml and NAME.out.yaml.
func TestCompute(t *testing.T) {
	pairs.Each(t, "testdata/*.in.yaml", ".out.yaml", func(t *testing.T, data []byte) []byte {
		var in input
		if err := yaml.UnmarshalStrict(data, &in); err != nil {
			t.Fatal(err)
		}
		got, err := yaml.Marshal(readable(Compute(in.Service, in.Slices, in.Node)))
		if err != nil {
			t.Fatal(err)
		}
		return got
	})
}

func readable(r ServiceRules) output {
	out := output{Frontends: map[string]Target{}, Pools: map[string][]string{}, HealthCheck: r.HealthCheck}
	for f, target := range r.Frontends {
		out.Frontends[f.String()] = target
	}
	for name, p := range r.Pools {
		for _, e := range p.Endpoints {
			out.Pools[name] = append(out.Pools[name], e.String())
		}
		if p.Affinity > 0 {
			out.Affinity = p.Affinity.String()
		}
	}
	for _, ip := range r.ClusterIPs {
		out.ClusterIPs = append(out.ClusterIPs, ip.String())
	}
	slices.Sort(out.ClusterIPs)
	return out
}
