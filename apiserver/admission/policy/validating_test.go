package policy_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/admissiontest"
)

type object = map[string]any

const (
	group      = "/apis/admissionregistration.k8s.io/v1/"
	configMaps = "/api/v1/namespaces/default/configmaps"
	dryCreate  = configMaps + "?dryRun=All"
)

func rules(operation, group, version string, resources ...any) object {
	return object{"resourceRules": []any{object{
		"operations": []any{operation}, "apiGroups": []any{group}, "apiVersions": []any{version}, "resources": resources,
	}}}
}

// notMarked leaves out what tells whether a policy is in force.
func notMarked(constraints object) object {
	constraints["objectSelector"] = object{"matchExpressions": []any{object{"key": "marker", "operator": "DoesNotExist"}}}
	return constraints
}

type request [3]string

var create = request{"POST", dryCreate, `{"metadata":{"name":"cm","labels":{"a":"b"}},"data":{"a":"b","n":"5"}}`}

// scenario is a policy, how it is bound, and what is asked then.
type scenario struct {
	name     string
	policy   object
	binding  object // default: Deny
	before   []request
	requests []request
}

func policyWith(change func(object)) object {
	spec := object{"matchConstraints": notMarked(rules("*", "", "v1", "configmaps"))}
	change(spec)
	return spec
}

func rule(expression string, more ...any) object {
	validation := object{"expression": expression}
	for i := 0; i < len(more); i += 2 {
		validation[more[i].(string)] = more[i+1]
	}
	return policyWith(func(spec object) { spec["validations"] = []any{validation} })
}

func with(spec object, more ...any) object {
	for i := 0; i < len(more); i += 2 {
		spec[more[i].(string)] = more[i+1]
	}
	return spec
}

func validations() []scenario {
	return []scenario{
		{name: "allow", policy: rule("object.data.a == 'b'")},
		{name: "deny", policy: rule("object.data.a == 'c'")},
		{name: "deny-message", policy: rule("object.data.a == 'c'", "message", "a must be c")},
		{name: "deny-message-expression", policy: rule("object.data.a == 'c'", "message", "m", "messageExpression", "'a is ' + object.data.a")},
		{name: "deny-message-broken", policy: rule("object.data.a == 'c'", "message", "m", "messageExpression", "string(object.nothing)")},
		{name: "deny-forbidden", policy: rule("false", "reason", "Forbidden")},
		{name: "deny-too-large", policy: rule("false", "reason", "RequestEntityTooLarge")},
		{name: "deny-several", policy: with(rule("true"), "validations", []any{object{"expression": "1 == 2", "message": "one"}, object{"expression": "false", "message": "two"}})},
		{name: "error", policy: rule("object.nothing == 'c'")},
		{name: "error-ignored", policy: with(rule("object.nothing == 'c'"), "failurePolicy", "Ignore")},
		{name: "budget", policy: rule("[1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, [1,2,3,4,5,6,7,8,9,10].all(f, a+b+c+d+e+f > 0))))))")},
		{name: "warn", policy: rule("false", "message", "be warned"), binding: object{"validationActions": []any{"Warn", "Audit"}}},
		{name: "warn-error", policy: rule("object.nothing == 'c'"), binding: object{"validationActions": []any{"Warn"}}},
		{name: "variables", policy: with(rule("variables.twice == 10 && variables.name == 'cm'"),
			"variables", []any{object{"name": "n", "expression": "int(object.data.n)"}, object{"name": "twice", "expression": "variables.n * 2"}, object{"name": "name", "expression": "object.metadata.name"}})},
		{name: "variables-broken", policy: with(rule("variables.n == 10"), "variables", []any{object{"name": "n", "expression": "object.nothing"}})},
		{name: "conditions", policy: with(rule("false"), "matchConditions", []any{object{"name": "never", "expression": "request.operation == 'DELETE'"}})},
		{name: "conditions-broken", policy: with(rule("false"), "matchConditions", []any{object{"name": "broken", "expression": "object.nothing == 1"}})},
		{name: "namespace", policy: rule("namespaceObject.metadata.name != 'default'", "messageExpression", "namespaceObject.metadata.labels['kubernetes.io/metadata.name']")},
		{name: "authorizer", policy: rule("authorizer.requestResource.check('create').allowed() && !authorizer.group('').resource('secrets').check('get').allowed()")},
		{name: "request", policy: rule("false", "messageExpression", "request.kind.kind + request.resource.resource + request.operation + request.name + request.namespace + request.userInfo.username + string(request.dryRun) + string(has(request.options.dryRun)) + request.requestKind.version + string(has(request.subResource))")},
		{name: "delete", policy: rule("object != null || oldObject.data.a == 'c'"), before: []request{{"POST", configMaps, `{"metadata":{"name":"del"},"data":{"a":"b"}}`}},
			requests: []request{{"DELETE", configMaps + "/del", ""}}},
		{name: "quantity", policy: rule("quantity('1Gi').isGreaterThan(quantity('2Gi')) && url('https://a.b').getHost() == 'a.b' && ip('1.2.3.4').family() == 4")},
		{name: "equivalent", policy: with(rule("object.spec.metrics[0].resource.target.averageUtilization != 50"), "matchConstraints", notMarked(rules("*", "autoscaling", "v2", "horizontalpodautoscalers"))),
			requests: []request{{"POST", "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers?dryRun=All",
				`{"metadata":{"name":"h"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"d"},"targetCPUUtilizationPercentage":50}}`}}},
		{name: "names", policy: with(rule("false"), "matchConstraints", notMarked(object{"resourceRules": []any{object{
			"operations": []any{"*"}, "apiGroups": []any{""}, "apiVersions": []any{"v1"}, "resources": []any{"configmaps"}, "resourceNames": []any{"other"}}}}))},
		{name: "excluded", policy: with(rule("false"), "matchConstraints", notMarked(object{
			"resourceRules":        rules("*", "", "v1", "*")["resourceRules"],
			"excludeResourceRules": rules("*", "", "*", "configmaps")["resourceRules"],
		}))},
		{name: "binding-matches", policy: rule("false"), binding: object{"validationActions": []any{"Deny"}, "matchResources": object{"objectSelector": object{"matchLabels": object{"a": "c"}}}}},
		{name: "exempt", policy: with(rule("false"), "matchConstraints", notMarked(rules("*", "*", "*", "*"))),
			requests: []request{{"POST", group + "validatingadmissionpolicybindings?dryRun=All", `{"metadata":{"name":"x"},"spec":{"policyName":"p","validationActions":["Deny"]}}`}}},
	}
}

func params() []scenario {
	spec := func(expression string) object {
		return with(rule(expression), "paramKind", object{"apiVersion": "v1", "kind": "ConfigMap"})
	}
	bound := func(ref object) object { return object{"validationActions": []any{"Deny"}, "paramRef": ref} }
	param := request{"POST", configMaps, `{"metadata":{"name":"param","labels":{"marker":"p"}},"data":{"want":"c"}}`}
	more := request{"POST", configMaps, `{"metadata":{"name":"param2","labels":{"marker":"p"}},"data":{"want":"b"}}`}
	const compare = "object.data.a == params.data.want"
	return []scenario{
		{name: "param", policy: spec(compare), binding: bound(object{"name": "param", "parameterNotFoundAction": "Deny"}), before: []request{param}},
		{name: "param-namespace", policy: spec(compare), binding: bound(object{"name": "param", "namespace": "default", "parameterNotFoundAction": "Deny"}), before: []request{param}},
		{name: "param-missing", policy: spec(compare), binding: bound(object{"name": "none", "parameterNotFoundAction": "Deny"})},
		{name: "param-missing-allowed", policy: spec(compare), binding: bound(object{"name": "none", "parameterNotFoundAction": "Allow"})},
		{name: "param-selector", policy: spec(compare), binding: bound(object{"selector": object{"matchLabels": object{"marker": "p"}}, "parameterNotFoundAction": "Deny"}), before: []request{param, more}},
		{name: "param-selector-none", policy: spec(compare), binding: bound(object{"selector": object{"matchLabels": object{"marker": "q"}}, "parameterNotFoundAction": "Deny"})},
		{name: "param-no-ref", policy: spec("params != null"), binding: object{"validationActions": []any{"Deny"}}},
		{name: "param-unknown-kind", policy: with(rule(compare), "paramKind", object{"apiVersion": "none.example.com/v1", "kind": "None"}), binding: bound(object{"name": "param", "parameterNotFoundAction": "Deny"})},
		{name: "param-cluster-namespace", policy: with(rule("false"), "paramKind", object{"apiVersion": "v1", "kind": "Namespace"}), binding: bound(object{"name": "default", "namespace": "x", "parameterNotFoundAction": "Deny"})},
		{name: "param-cluster-scoped-request", policy: with(spec(compare), "matchConstraints", notMarked(rules("*", "", "v1", "namespaces", "nodes"))), binding: bound(object{"name": "none", "parameterNotFoundAction": "Deny"}),
			requests: []request{{"POST", "/api/v1/nodes?dryRun=All", `{"metadata":{"name":"n"}}`}}},
	}
}

func TestValidatingAgainstUpstream(t *testing.T) {
	s := admissiontest.Start(t)
	for _, c := range append(validations(), params()...) {
		t.Run(c.name, func(t *testing.T) {
			for _, r := range c.before {
				s.Must(r[0], r[1], r[2])
			}
			if c.binding == nil {
				c.binding = object{"validationActions": []any{"Deny"}}
			}
			c.binding["policyName"] = "test"
			apply(t, s, "validatingadmissionpolicies", "test", c.policy)
			apply(t, s, "validatingadmissionpolicybindings", "bound", c.binding)
			apply(t, s, "validatingadmissionpolicies", "marker", object{
				"matchConstraints": with(rules("*", "", "v1", "configmaps"), "objectSelector", object{"matchLabels": object{"marker": "x"}}),
				"validations":      []any{object{"expression": "false", "message": "in force"}},
			})
			apply(t, s, "validatingadmissionpolicybindings", "marked", object{"policyName": "marker", "validationActions": []any{"Deny"}})
			s.Until("the policy", func() bool { return strings.Contains(probe(s), "in force") })
			transcript := &admissiontest.Transcript{}
			if len(c.requests) == 0 {
				c.requests = []request{create}
			}
			for _, r := range c.requests {
				transcript.Answer(r[0]+" "+r[1], s.Do(r[0], r[1], r[2]))
			}
			for _, name := range []string{"policies/test", "policybindings/bound", "policies/marker", "policybindings/marked"} {
				s.Must("DELETE", group+"validatingadmission"+name, "")
			}
			s.Until("its deletion", func() bool { return !strings.Contains(probe(s), "in force") })
			for _, r := range c.before {
				name := strings.Split(strings.Split(r[2], `"name":"`)[1], `"`)[0]
				s.Do("DELETE", r[1]+"/"+name, "")
			}
			transcript.Check(t, "validating/"+c.name)
		})
	}
}

func apply(t *testing.T, s *admissiontest.Server, resource, name string, spec object) {
	t.Helper()
	body := admissiontest.JSON(t, object{"metadata": object{"name": name}, "spec": spec})
	if answer := s.Do("POST", group+resource, body); answer.Code != http.StatusCreated {
		t.Fatalf("creating %s %s: %s", resource, name, answer.Body)
	}
}

func probe(s *admissiontest.Server) string {
	return string(s.Do("POST", dryCreate, `{"metadata":{"name":"probe","labels":{"marker":"x"}}}`).Body)
}
