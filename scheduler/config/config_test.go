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

// TestMistakesInTheWordsOfKubeScheduler has texts that kube-scheduler v1.36.3 ends with, given the same.
func TestMistakesInTheWordsOfKubeScheduler(t *testing.T) {
	args := func(plugin, text string) string {
		return "profiles: [{pluginConfig: [{name: " + plugin + ", args: " + text + "}]}]"
	}
	const of, making = "profiles[0].pluginConfig[0].args.", `initializing profiles: creating profile for scheduler name default-scheduler: initializing plugin "NodeResourcesFit": `
	const qualified = `name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`
	for text, want := range map[string]string{
		"profils: []":  `strict decoding error: unknown field "profils"`,
		"Profiles: []": `strict decoding error: unknown field "Profiles"`,
		"profiles: [{plugins: {score: {enabled: [{nam: x}]}}}]": `strict decoding error: unknown field "profiles[0].plugins.score.enabled[0].nam"`,
		"profiles: 5":                        "json: cannot unmarshal number into Go struct field KubeSchedulerConfiguration.profiles of type []v1.KubeSchedulerProfile",
		"parallelism: 0":                     "parallelism: Invalid value: 0: should be an integer value greater than zero",
		"percentageOfNodesToScore: 101":      "percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]",
		"podInitialBackoffSeconds: 20":       "podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds",
		"clientConnection: {burst: -3}":      "clientConnection.burst: Invalid value: -3: must be non-negative",
		"leaderElection: {resourceLock: x}":  `leaderElection.resourceLock: Invalid value: "x": resourceLock value must be "leases"`,
		"profiles: [{}, {schedulerName: a}]": "profiles[0].schedulerName: Required value",
		"profiles: [{pluginConfig: [{name: NodeAffinity}, {name: NodeAffinity}]}]":                                                        `profiles[0].pluginConfig[1]: Duplicate value: "NodeAffinity"`,
		"extenders: [{urlPrefix: http://x, prioritizeVerb: p}]":                                                                           "extenders[0].weight: Invalid value: 0: must have a positive weight applied to it",
		"extenders: [{urlPrefix: http://x, bindVerb: p}, {urlPrefix: http://y, bindVerb: p}]":                                             `extenders: Invalid value: "found 2 extenders implementing bind": only one extender can implement bind`,
		"extenders: [{urlPrefix: http://x, managedResources: [{name: foo}]}]":                                                             `extenders[0].managedResources[0].name: Invalid value: "foo": is an invalid extended resource name`,
		"extenders: [{urlPrefix: http://x, managedResources: [{name: kubernetes.io/foo}]}]":                                               `extenders[0].managedResources[0].name: Invalid value: "kubernetes.io/foo": is an invalid extended resource name`,
		"extenders: [{urlPrefix: http://x, managedResources: [{name: a.b/c}]}, {urlPrefix: http://y, managedResources: [{name: a.b/c}]}]": `extenders[1].managedResources[0].name: Invalid value: "a.b/c": duplicate extender managed resource name`,

		args("NodeResourcesFit", "{scoringStrategi: {}}"):                                                          `strict decoding error: decoding .profiles[0].pluginConfig[0]: strict decoding error: decoding args for plugin NodeResourcesFit: strict decoding error: unknown field "scoringStrategi"`,
		args("NodeResourcesFit", "{kind: NodeAffinityArgs, apiVersion: kubescheduler.config.k8s.io/v1}"):           "decoding .profiles[0].pluginConfig[0]: args for plugin NodeResourcesFit were not of type NodeResourcesFitArgs.kubescheduler.config.k8s.io, got NodeAffinityArgs.kubescheduler.config.k8s.io",
		args("NodeResourcesFit", "{scoringStrategy: {type: Some}}"):                                                making + `scoringStrategy.type: Unsupported value: "Some": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"`,
		args("NodeResourcesFit", "{scoringStrategy: {resources: [{name: cpu}]}}"):                                  making + `scoringStrategy.type: Unsupported value: "": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"`,
		args("NodeResourcesFit", "{scoringStrategy: {type: MostAllocated, resources: [{name: cpu, weight: -1}]}}"): making + "scoringStrategy.resources[0].weight: Invalid value: -1: resource weight of cpu not in valid range (0, 100]",
		args("NodeResourcesFit", "{scoringStrategy: {type: RequestedToCapacityRatio}}"):                            making + "scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio",
		args("NodeResourcesFit", "{scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 50, score: 20}, {utilization: 40, score: 1}]}}}"): making +
			"[scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 40: values must be sorted in increasing order, scoringStrategy.requestedToCapacityRatio.shape[0].score: Invalid value: 20: not in valid range [0, 10]]",
		args("NodeResourcesFit", `{ignoredResourceGroups: ["a/b"]}`): making + `ignoredResourceGroups[0]: Invalid value: "a/b": resource group name can't contain '/'`,
		args("PodTopologySpread", "{defaultConstraints: [{maxSkew: 0}]}"): "[" + of + `defaultingType: Invalid value: "System": when .defaultConstraints are not empty, ` + of + "defaultConstraints[0].maxSkew: Invalid value: 0: not in valid range (0, inf), " +
			of + "defaultConstraints[0].topologyKey: Required value: can not be empty, " + of + "defaultConstraints[0].whenUnsatisfiable: Required value: can not be empty]",
		args("PodTopologySpread", `{defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: "a b", whenUnsatisfiable: X, labelSelector: {}}]}`): "[" + of + `defaultConstraints[0].topologyKey: Invalid value: "a b": ` + qualified + ", " +
			of + `defaultConstraints[0].whenUnsatisfiable: Unsupported value: "X": supported values: "DoNotSchedule", "ScheduleAnyway", ` + of + "defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod]",
		args("PodTopologySpread", "{defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: a, whenUnsatisfiable: DoNotSchedule}, {maxSkew: 2, topologyKey: a, whenUnsatisfiable: DoNotSchedule}]}"): of + `defaultConstraints[1]: Duplicate value: "{a, DoNotSchedule}"`,
		args("DefaultPreemption", "{minCandidateNodesPercentage: 200}"):                                 of + "minCandidateNodesPercentage: Invalid value: 200: not in valid range [0, 100]",
		args("DefaultPreemption", "{minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}"):     "[" + of + "minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute, " + of + "minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage]",
		args("VolumeBinding", "{bindTimeoutSeconds: -1}"):                                               of + "bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value",
		args("VolumeBinding", "{shape: [{utilization: 0, score: 50}]}"):                                 of + "shape: Invalid value: [{\"Utilization\":0,\"Score\":50}]: unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring",
		args("DynamicResources", "{bindingTimeout: 500ms}"):                                             of + `bindingTimeout: Invalid value: "500ms": must be at least 1 second`,
		args("DynamicResources", "{filterTimeout: -1s}"):                                                of + `filterTimeout: Invalid value: "-1s": must be zero or positive`,
		args("NodeResourcesBalancedAllocation", "{resources: [{name: cpu}, {name: cpu, weight: 101}]}"): "[" + of + `resources[1].name: Duplicate value: "cpu", ` + of + "resources[1].weight: Invalid value: 101: must be 1]",
		args("InterPodAffinity", "{hardPodAffinityWeight: 101}"):                                        of + "hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]",
		args("NodeAffinity", "{addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: a, operator: Foo}]}]}}}"): of +
			`addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value: "Foo": supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"`,
	} {
		_, err := Read([]byte(head + text))
		if want = "reading KubeSchedulerConfiguration: " + want; err == nil || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", text, err, want)
		}
	}
}

func TestWhatIsNoConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"": "Object 'Kind' is missing in ''", "kind: X": "Object 'apiVersion' is missing in 'kind: X'", "{": "couldn't get version/kind; json parse error: unexpected end of JSON input",
		"kind: Pod\napiVersion: v1\n": `no kind "Pod" is registered for version "v1"`,
		"kind: KubeSchedulerConfiguration\napiVersion: kubescheduler.config.k8s.io/v1beta3\n": `no kind "KubeSchedulerConfiguration" is registered for version "kubescheduler.config.k8s.io/v1beta3"`,
		"kind: NodeAffinityArgs\napiVersion: kubescheduler.config.k8s.io/v1\n":                "couldn't decode as KubeSchedulerConfiguration, got kubescheduler.config.k8s.io/v1, Kind=NodeAffinityArgs",
	} {
		if _, err := Read([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "reading KubeSchedulerConfiguration: "+want) {
			t.Errorf("%q: %v\nwant %s", text, err, want)
		}
	}
}
