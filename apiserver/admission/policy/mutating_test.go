package policy_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/admissiontest"
)

const (
	deployments = "/apis/apps/v1/namespaces/default/deployments?dryRun=All"
	deployment  = `{"metadata":{"name":"d","labels":{"a":"b"}},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`
)

// mutates is a policy with mutations of one kind.
func mutates(kind string, expressions ...string) object {
	field := strings.ToLower(kind[:1]) + kind[1:]
	if kind == "JSONPatch" {
		field = "jsonPatch"
	}
	mutations := []any{}
	for _, expression := range expressions {
		mutations = append(mutations, object{"patchType": kind, field: object{"expression": expression}})
	}
	return object{"matchConstraints": notMarked(rules("*", "*", "*", "configmaps", "deployments", "horizontalpodautoscalers", "services")), "reinvocationPolicy": "Never", "mutations": mutations}
}

func mutations() []scenario {
	apply, patch := "ApplyConfiguration", "JSONPatch"
	onDeployment := []request{{"POST", deployments, deployment}}
	param := request{"POST", configMaps, `{"metadata":{"name":"param","labels":{"marker":"p"}},"data":{"want":"c"}}`}
	return []scenario{
		{name: "apply", policy: mutates(apply, `Object{metadata: Object.metadata{labels: {"x": "y", "name": string(object.metadata.name)}}}`)},
		{name: "apply-annotations", policy: mutates(apply, `Object{metadata: Object.metadata{annotations: {"x": "y"}}}`)},
		{name: "apply-data", policy: mutates(apply, `Object{data: {"x": "y"}}`)},
		{name: "apply-nested", policy: mutates(apply, `Object{metadata: Object.spec{labels: {"a": "b"}}}`)},
		{name: "apply-unknown", policy: mutates(apply, `Object{nothing: 1}`)},
		{name: "apply-type", policy: mutates(apply, `Object{data: Object.data{a: 1}}`)},
		{name: "apply-name", policy: mutates(apply, `Object{metadata: Object.metadata{name: "other"}}`)},
		{name: "apply-kind", policy: mutates(apply, `Object{kind: "Secret"}`)},
		{name: "apply-containers", policy: mutates(apply, `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "c", env: [Object.spec.template.spec.containers.env{name: "E", value: "F"}]}, Object.spec.template.spec.containers{name: "side", image: "car"}]}}}}`), requests: onDeployment},
		{name: "apply-atomic", policy: mutates(apply, `Object{spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: "c", args: ["x"]}]}}}}`), requests: onDeployment},
		{name: "apply-atomic-map", policy: mutates(apply, `Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {"x": "y"}}}}`), requests: onDeployment},
		{name: "apply-replicas", policy: mutates(apply, `Object{spec: Object.spec{replicas: object.spec.replicas + 2}}`), requests: onDeployment},
		{name: "apply-error", policy: mutates(apply, `Object{metadata: Object.metadata{labels: {"x": string(object.nothing)}}}`)},
		{name: "apply-error-ignored", policy: with(mutates(apply, `Object{metadata: Object.metadata{labels: {"x": string(object.nothing)}}}`), "failurePolicy", "Ignore")},
		{name: "apply-twice", policy: mutates(apply, `Object{metadata: Object.metadata{labels: {"x": "y"}}}`, `Object{metadata: Object.metadata{labels: {"z": object.metadata.labels.x}}}`)},
		{name: "patch", policy: mutates(patch, `[JSONPatch{op: "add", path: "/metadata/labels/x", value: "y"}, JSONPatch{op: "remove", path: "/data/n"}]`)},
		{name: "patch-test", policy: mutates(patch, `[JSONPatch{op: "test", path: "/data/n", value: "6"}, JSONPatch{op: "remove", path: "/data/n"}]`)},
		{name: "patch-escape", policy: mutates(patch, `[JSONPatch{op: "add", path: "/metadata/labels/" + jsonpatch.escapeKey("example.com/x"), value: "y"}]`)},
		{name: "patch-object", policy: mutates(patch, `[JSONPatch{op: "add", path: "/spec/template/spec/containers/-", value: Object.spec.template.spec.containers{name: "side", image: "car", ports: [Object.spec.template.spec.containers.ports{containerPort: 80}]}}]`), requests: onDeployment},
		{name: "patch-replicas", policy: mutates(patch, `[JSONPatch{op: "replace", path: "/spec/replicas", value: object.spec.replicas + 4}]`), requests: onDeployment},
		{name: "patch-unknown", policy: mutates(patch, `[JSONPatch{op: "add", path: "/odd", value: "x"}]`)},
		{name: "patch-nothing", policy: mutates(patch, `[JSONPatch{path: "/data/a"}]`)},
		{name: "patch-missing", policy: mutates(patch, `[JSONPatch{op: "remove", path: "/none"}]`)},
		{name: "patch-wrong", policy: mutates(patch, `[JSONPatch{op: "add", path: "/data", value: 5}]`)},
		{name: "patch-copy", policy: mutates(patch, `[JSONPatch{op: "copy", from: "/data/a", path: "/data/copied"}]`)},
		{name: "patch-missing-ignored", policy: with(mutates(patch, `[JSONPatch{op: "remove", path: "/none"}]`, `[JSONPatch{op: "add", path: "/metadata/labels/x", value: object.data.a + "c"}]`), "failurePolicy", "Ignore")},
		{name: "variables", policy: with(mutates(apply, `Object{metadata: Object.metadata{labels: {"x": variables.v}}}`), "variables", []any{object{"name": "v", "expression": "object.data.a + 'c'"}})},
		{name: "conditions", policy: with(mutates(apply, `Object{data: {"x": "y"}}`), "matchConditions", []any{object{"name": "never", "expression": "request.operation == 'DELETE'"}})},
		{name: "conditions-broken", policy: with(mutates(apply, `Object{data: {"x": "y"}}`), "matchConditions", []any{object{"name": "broken", "expression": "object.nothing == 1"}})},
		{name: "param", policy: with(mutates(apply, `Object{data: {"x": params.data.want}}`), "paramKind", object{"apiVersion": "v1", "kind": "ConfigMap"}),
			binding: object{"paramRef": object{"name": "param", "parameterNotFoundAction": "Deny"}}, before: []request{param}},
		{name: "param-missing", policy: with(mutates(apply, `Object{data: {"x": params.data.want}}`), "paramKind", object{"apiVersion": "v1", "kind": "ConfigMap"}),
			binding: object{"paramRef": object{"name": "none", "parameterNotFoundAction": "Deny"}}},
		{name: "param-unknown-kind", policy: with(mutates(apply, `Object{data: {"x": "y"}}`), "paramKind", object{"apiVersion": "none.example.com/v1", "kind": "None"}),
			binding: object{"paramRef": object{"name": "none", "parameterNotFoundAction": "Deny"}}},
		{name: "invalid", policy: mutates(apply, `Object{metadata: Object.metadata{labels: {"not valid!": "y"}}}`)},
	}
}

func TestMutatingAgainstUpstream(t *testing.T) {
	s := admissiontest.Start(t)
	for _, c := range mutations() {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range c.before {
				s.Must(r[0], r[1], r[2])
			}
			if c.binding == nil {
				c.binding = object{}
			}
			c.binding["policyName"] = "test"
			apply(t, s, "mutatingadmissionpolicies", "test", c.policy)
			apply(t, s, "mutatingadmissionpolicybindings", "bound", c.binding)
			apply(t, s, "mutatingadmissionpolicies", "marker", object{
				"matchConstraints":   with(rules("*", "", "v1", "configmaps"), "objectSelector", object{"matchLabels": object{"marker": "x"}}),
				"reinvocationPolicy": "Never", "mutations": mutates("ApplyConfiguration", `Object{data: {"in": "in force"}}`)["mutations"],
			})
			apply(t, s, "mutatingadmissionpolicybindings", "marked", object{"policyName": "marker"})
			s.Until("the policy", func() bool { return strings.Contains(probe(s), "in force") })
			transcript := &admissiontest.Transcript{}
			if len(c.requests) == 0 {
				c.requests = []request{create}
			}
			for _, r := range c.requests {
				transcript.Answer(r[0]+" "+r[1], s.Do(r[0], r[1], r[2]))
			}
			for _, name := range []string{"policies/test", "policybindings/bound", "policies/marker", "policybindings/marked"} {
				s.Must("DELETE", group+"mutatingadmission"+name, "")
			}
			s.Until("its deletion", func() bool { return !strings.Contains(probe(s), "in force") })
			for _, r := range c.before {
				s.Do("DELETE", r[1]+"/"+strings.Split(strings.Split(r[2], `"name":"`)[1], `"`)[0], "")
			}
			transcript.Check(t, "mutating/"+c.name)
		})
	}
}

// A list of objects is a value as others are. (Upstream's library panics.)
func TestListsOfObjectsArePatched(t *testing.T) {
	if admissiontest.Recording() {
		t.Skip("upstream answers with a panic")
	}
	s := admissiontest.Start(t)
	apply(t, s, "mutatingadmissionpolicies", "test", mutates("JSONPatch", `[JSONPatch{op: "add", path: "/spec/template/spec/volumes", value: [
		Object.spec.template.spec.volumes{name: "v", emptyDir: Object.spec.template.spec.volumes.emptyDir{sizeLimit: "1Gi"}}]}]`))
	apply(t, s, "mutatingadmissionpolicybindings", "bound", object{"policyName": "test"})
	const want = `"volumes":[{"name":"v","emptyDir":{"sizeLimit":"1Gi"}}]`
	var got bytes.Buffer
	s.Until("the policy", func() bool {
		got.Reset()
		return json.Compact(&got, s.Do("POST", deployments, deployment).Body) == nil && strings.Contains(got.String(), "volumes")
	})
	if !strings.Contains(got.String(), want) {
		t.Errorf("got %s", got.String())
	}
}
