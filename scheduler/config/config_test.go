package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

const head = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n"

func TestNothingGivenIsTheDefault(t *testing.T) {
	c, err := Read([]byte(head + "leaderElection: {leaderElect: false}\nclientConnection: {kubeconfig: /x}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := Default().Profiles[0]
	if len(c.Profiles) != 1 || c.Profiles[0].Name != want.Name || c.InitialBackoff != time.Second || c.MaxBackoff != 10*time.Second {
		t.Errorf("got %+v", c)
	}
	if diff := cmp.Diff(want.Plugins.Multi, c.Profiles[0].Plugins.Multi); diff != "" {
		t.Errorf("plugins (-want +got):\n%s", diff)
	}
}

const two = head + `
percentageOfNodesToScore: 30
podInitialBackoffSeconds: 2
podMaxBackoffSeconds: 60
profiles:
- schedulerName: packer
  percentageOfNodesToScore: 100
  plugins:
    multiPoint:
      enabled: [{name: Mine, weight: 5}, {name: NodeAffinity}]
      disabled: [{name: ImageLocality}]
    score:
      enabled: [{name: NodeResourcesFit, weight: 7}]
      disabled: [{name: PodTopologySpread}]
  pluginConfig:
  - name: NodeResourcesFit
    args:
      apiVersion: kubescheduler.config.k8s.io/v1
      kind: NodeResourcesFitArgs
      ignoredResources: [example.com/foo]
      scoringStrategy:
        type: RequestedToCapacityRatio
        resources: [{name: cpu, weight: 3}]
        requestedToCapacityRatio: {shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]}
  - name: Mine
    args: {anything: 1}
- schedulerName: bare
  plugins:
    multiPoint:
      enabled: [{name: PrioritySort}, {name: DefaultBinder}]
      disabled: [{name: "*"}]
`

func TestProfiles(t *testing.T) {
	c, err := Read([]byte(two))
	if err != nil {
		t.Fatal(err)
	}
	packer, bare := c.Profiles[0], c.Profiles[1]
	if packer.Percentage != 100 || bare.Percentage != 30 || c.InitialBackoff != 2*time.Second || c.MaxBackoff != time.Minute {
		t.Errorf("got %+v", c)
	}
	names := fmt.Sprint(packer.Plugins.Multi)
	if !strings.HasPrefix(names, "[{SchedulingGates 0}") || !strings.Contains(names, "{TaintToleration 3} {NodeAffinity 0} {NodePorts 0}") || !strings.HasSuffix(names, "{Mine 5}]") || strings.Contains(names, "ImageLocality") || strings.Count(names, "NodeAffinity") != 1 {
		t.Errorf("packer's plugins are %s", names)
	}
	if diff := cmp.Diff(profile.PointSet{Enabled: []profile.Enabled{{Name: "NodeResourcesFit", Weight: 7}}, Disabled: []string{"PodTopologySpread"}}, packer.Plugins.Points["score"]); diff != "" {
		t.Errorf("score (-want +got):\n%s", diff)
	}
	fit, ok := packer.Arguments["NodeResourcesFit"].(*schedulerv1.NodeResourcesFitArgs)
	if !ok || fit.ScoringStrategy.Type != schedulerv1.RequestedToCapacityRatio || fit.IgnoredResources[0] != "example.com/foo" {
		t.Errorf("arguments %+v", packer.Arguments)
	}
	if diff := cmp.Diff([]profile.Enabled{{Name: "PrioritySort"}, {Name: "DefaultBinder"}}, bare.Plugins.Multi); diff != "" {
		t.Errorf("bare (-want +got):\n%s", diff)
	}
}

func TestMistakes(t *testing.T) {
	args := func(plugin, text string) string {
		return "profiles: [{pluginConfig: [{name: " + plugin + ", args: " + text + "}]}]"
	}
	for text, want := range map[string]string{
		"profils: []":                                                                                   `unknown field "profils"`,
		"parallelism: 0":                                                                                "parallelism: Invalid value: 0: should be an integer value greater than zero",
		"percentageOfNodesToScore: 101":                                                                 "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]",
		"podInitialBackoffSeconds: 20":                                                                  "podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds",
		"profiles: [{schedulerName: a}, {schedulerName: a}]":                                            `profiles[1].schedulerName: Duplicate value: "a"`,
		"profiles: [{}, {schedulerName: a}]":                                                            "profiles[0].schedulerName: Required value",
		"extenders: [{urlPrefix: http://x, prioritizeVerb: p}]":                                         "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it",
		args("NodeResourcesFit", "{kind: Pod, apiVersion: v1}"):                                         "were not of type",
		args("NodeResourcesFit", "{scoringStrategy: {type: Some}}"):                                     `scoringStrategy.type: Unsupported value: "Some"`,
		args("NodeResourcesFit", "{scoringStrategi: {}}"):                                               `unknown field "scoringStrategi"`,
		args("NodeResourcesFit", "{scoringStrategy: {type: RequestedToCapacityRatio}}"):                 "shape: Required value",
		args("PodTopologySpread", "{defaultConstraints: [{maxSkew: 0}]}"):                               `defaultingType must be "List"`,
		args("DefaultPreemption", "{minCandidateNodesPercentage: 200}"):                                 "minCandidateNodesPercentage: Invalid value: 200",
		args("VolumeBinding", "{bindTimeoutSeconds: -1}"):                                               "should not be a negative value",
		args("DynamicResources", "{bindingTimeout: 500ms}"):                                             `bindingTimeout: Invalid value: "500ms": must be at least 1 second`,
		args("DynamicResources", "{filterTimeout: -1s}"):                                                `filterTimeout: Invalid value: "-1s": must be zero or positive`,
		args("NodeResourcesBalancedAllocation", "{resources: [{name: cpu}, {name: cpu, weight: 101}]}"): "resources[1].name: Duplicate value",
	} {
		if _, err := Read([]byte(head + text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
	if _, err := Read([]byte("kind: Pod\napiVersion: v1\n")); err == nil || !strings.Contains(err.Error(), "want apiVersion kubescheduler.config.k8s.io/v1") {
		t.Errorf("another kind: %v", err)
	}
}
