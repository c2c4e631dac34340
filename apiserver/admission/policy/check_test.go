package policy_test

import (
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/admissiontest"
)

// wrongExpressions are refused when they are written.
func wrongExpressions() map[string]object {
	param := object{"apiVersion": "v1", "kind": "ConfigMap"}
	variables := func(all ...any) object {
		list := []any{}
		for i := 0; i < len(all); i += 2 {
			list = append(list, object{"name": all[i], "expression": all[i+1]})
		}
		return with(rule("variables.a == 1"), "variables", list)
	}
	return map[string]object{
		"syntax":            rule("object.x +"),
		"not-bool":          rule("'text'"),
		"dyn":               rule("object.x"),
		"unknown-variable":  rule("nothing == 1"),
		"unknown-request":   rule("request.nothing == 1"),
		"no-params":         rule("params.x == 1"),
		"unknown-namespace": rule("namespaceObject.nothing == 1"),
		"message":           rule("true", "messageExpression", "1"),
		"message-syntax":    rule("true", "messageExpression", "+"),
		"params":            with(rule("params.x == 1"), "paramKind", param),
		"variable-syntax":   variables("a", "+"),
		"variable-order":    variables("a", "variables.b", "b", "1"),
		"variable-type":     variables("a", "'text'"),
		"variable-unknown":  with(rule("variables.none == 1"), "variables", []any{}),
		"condition":         with(rule("true"), "matchConditions", []any{object{"name": "c", "expression": "+"}, object{"name": "d", "expression": "'x'"}}),
		"condition-vars":    with(variables("a", "1"), "matchConditions", []any{object{"name": "c", "expression": "variables.a == 1"}}),
		"condition-params":  with(rule("true"), "paramKind", param, "matchConditions", []any{object{"name": "c", "expression": "params.x == 1"}}),
		"audit":             with(rule("true"), "auditAnnotations", []any{object{"key": "k", "valueExpression": "1"}, object{"key": "l", "valueExpression": "+"}}),
		"audit-null":        with(rule("true"), "auditAnnotations", []any{object{"key": "k", "valueExpression": "null"}, object{"key": "d", "valueExpression": "true ? 'x' : null"}}),
		"quadratic":         rule("object.items.all(a, object.items.all(b, object.items.all(c, true)))"),
	}
}

func wrongMutations() map[string]object {
	spec := func(mutations ...any) object {
		return object{"matchConstraints": rules("*", "", "v1", "configmaps"), "reinvocationPolicy": "Never", "mutations": mutations}
	}
	applied := func(expression string) object {
		return object{"patchType": "ApplyConfiguration", "applyConfiguration": object{"expression": expression}}
	}
	patched := func(expression string) object {
		return object{"patchType": "JSONPatch", "jsonPatch": object{"expression": expression}}
	}
	return map[string]object{
		"apply":        spec(applied("Object{metadata: Object.metadata{labels: {'a': 'b'}}}")),
		"apply-type":   spec(applied("{'a': 'b'}")),
		"apply-syntax": spec(applied("Object{")),
		"no-variables": spec(applied("Object{data: variables.y}")),
		"apply-nested": spec(applied("Object{metadata: Object.spec{}}")),
		"patch":        spec(patched("[JSONPatch{op: 'add', path: '/data', value: {'a': 'b'}}]")),
		"patch-type":   spec(patched("JSONPatch{op: 'add'}")),
		"patch-field":  spec(patched("[JSONPatch{nothing: 'add'}]")),
		"variables":    with(spec(patched("[JSONPatch{op: 'add', path: variables.p}]")), "variables", []any{object{"name": "p", "expression": "'/x'"}}),
	}
}

func TestWrongExpressions(t *testing.T) {
	s := admissiontest.Start(t)
	ask := func(kind, resource string, all map[string]object) {
		for name, spec := range all {
			t.Run(kind+"-"+name, func(t *testing.T) {
				transcript := &admissiontest.Transcript{}
				transcript.Answer("POST", s.Do("POST", group+resource+"?dryRun=All", admissiontest.JSON(t, object{"metadata": object{"name": "test"}, "spec": spec})))
				transcript.Check(t, "wrong/"+kind+"-"+name)
			})
		}
	}
	ask("validating", "validatingadmissionpolicies", wrongExpressions())
	ask("mutating", "mutatingadmissionpolicies", wrongMutations())
	for name, expression := range map[string]string{
		"syntax": "object.x +", "type": "1", "namespace": "namespaceObject.metadata.name == 'x'", "params": "params.x == 1", "fine": "object.x == 1", "dyn": "object.x",
	} {
		t.Run("webhook-"+name, func(t *testing.T) {
			transcript := &admissiontest.Transcript{}
			transcript.Answer("POST", s.Do("POST", group+"validatingwebhookconfigurations?dryRun=All", admissiontest.JSON(t, object{
				"metadata": object{"name": "test"}, "webhooks": []any{object{
					"name": "w.example.com", "admissionReviewVersions": []any{"v1"}, "sideEffects": "None", "clientConfig": object{"url": "https://127.0.0.1:1"},
					"matchConditions": []any{object{"name": "fine", "expression": "true"}, object{"name": "c", "expression": expression}},
				}},
			})))
			transcript.Check(t, "wrong/webhook-"+name)
		})
	}
}
