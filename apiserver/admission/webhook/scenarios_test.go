package webhook_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"strings"
)

func denials() []scenario {
	deny := func(name string, status object) scenario {
		response := object{"allowed": false}
		if status != nil {
			response["status"] = status
		}
		return scenario{name: name, kind: validating, hooks: one(), reply: always(response), requests: []request{create}}
	}
	return []scenario{
		deny("deny", object{"message": "no config maps today"}),
		deny("deny-code", object{"message": "no", "code": 403, "reason": "Forbidden", "details": object{"name": "x", "causes": []any{object{"message": "c"}}}}),
		deny("deny-nothing", nil),
		deny("deny-reason", object{"reason": "BadMood"}),
		deny("deny-odd-code", object{"message": "no", "code": 9999}),
		deny("deny-success", object{"status": "Success", "code": 200, "message": "fine"}),
		{name: "deny-mutating", kind: mutating, hooks: one(), reply: always(object{"allowed": false, "status": object{"message": "no"}}), requests: []request{create}},
		{
			name: "warnings", kind: validating, hooks: one(), requests: []request{create},
			reply: always(object{"allowed": true, "warnings": []any{"first", "second \"quoted\"", "first", strings.Repeat("long ", 60)}}),
		},
		{
			name: "warnings-many", kind: validating, hooks: one(), requests: []request{create},
			reply: always(object{"allowed": true, "warnings": []any{
				strings.Repeat("a", 2000), strings.Repeat("b", 2000), strings.Repeat("c", 2000), strings.Repeat("d", 200), "e",
			}}),
		},
	}
}

// answers are those that change something, or try to.
func answers() []scenario {
	mutate := func(name string, response object, requests ...request) scenario {
		if len(requests) == 0 {
			requests = []request{create}
		}
		return scenario{name: name, kind: mutating, hooks: one(), reply: always(response), requests: requests}
	}
	label := patch(`[{"op":"add","path":"/metadata/labels","value":{"x":"y"}}]`)
	elsewhere := patch(`[{"op":"replace","path":"/metadata/namespace","value":"kube-system"}]`)
	broken := func(name string, change func(review, answer object)) scenario {
		return scenario{name: name, kind: mutating, hooks: one(), requests: []request{create}, reply: func(string, object) any {
			return func(review object) any {
				answer := respond(review, object{"allowed": true})
				change(review, answer)
				return answer
			}
		}}
	}
	return []scenario{
		mutate("patch", label),
		mutate("patch-name", patch(`[{"op":"replace","path":"/metadata/name","value":"other"}]`), request{"POST", configMaps + "?dryRun=All", configMap}),
		mutate("patch-namespace", elsewhere),
		mutate("patch-version", patch(`[{"op":"replace","path":"/apiVersion","value":"v2"}]`)),
		{name: "patch-validating", kind: validating, hooks: one(), reply: always(label), requests: []request{create}},
		{
			name: "patch-resource-version", kind: mutating, reply: func(_ string, r object) any {
				if r["operation"] == "UPDATE" {
					return patch(`[{"op":"replace","path":"/metadata/resourceVersion","value":"1"}]`)
				}
				return object{"allowed": true}
			},
			hooks: one(), requests: []request{create, {"PATCH application/merge-patch+json", configMaps + "/cm", `{"data":{"a":"d"}}`}},
		},
		mutate("patch-not-json", patch(`nonsense`)),
		mutate("patch-empty", patch(`[]`)),
		mutate("patch-no-such-path", patch(`[{"op":"remove","path":"/nothing/here"}]`)),
		mutate("patch-wrong-type", patch(`[{"op":"add","path":"/data","value":"text"}]`)),
		mutate("patch-unknown-field", patch(`[{"op":"add","path":"/nonsense","value":"text"}]`)),
		mutate("patch-invalid", patch(`[{"op":"add","path":"/metadata/labels","value":{"not valid!":"y"}}]`)),
		mutate("patch-managed-fields", patch(`[{"op":"add","path":"/metadata/managedFields","value":[{"manager":"x"}]}]`)),
		mutate("patch-no-type", object{"allowed": true, "patch": base64.StdEncoding.EncodeToString([]byte("[]"))}),
		mutate("patch-only-type", object{"allowed": true, "patchType": "JSONPatch"}),
		mutate("patch-other-type", object{"allowed": true, "patchType": "Merge", "patch": base64.StdEncoding.EncodeToString([]byte(`[{"op":"add","path":"/data","value":{}}]`))}),
		broken("answer-uid", func(_, answer object) { answer["response"].(object)["uid"] = "other" }),
		broken("answer-kind", func(_, answer object) { answer["kind"] = "Pod" }),
		broken("answer-version", func(_, answer object) { answer["apiVersion"] = "admission.k8s.io/v1beta1" }),
		broken("answer-no-kind", func(_, answer object) { delete(answer, "kind"); delete(answer, "apiVersion") }),
		broken("answer-none", func(_, answer object) { delete(answer, "response") }),
		{
			name: "patch-namespace-later", kind: mutating, reply: func(_ string, r object) any {
				if r["operation"] == "UPDATE" {
					return elsewhere
				}
				return object{"allowed": true}
			},
			hooks: one(), requests: []request{create, {"PATCH application/merge-patch+json", configMaps + "/cm", `{"data":{"a":"d"}}`}},
		},
		{
			name: "delete-patch", kind: mutating, reply: func(_ string, r object) any {
				if r["operation"] == "DELETE" {
					return label
				}
				return object{"allowed": true}
			},
			hooks: one(), requests: []request{create, {"DELETE", configMaps + "/cm", ""}},
		},
	}
}

func failures() []scenario {
	fail := func(name string, change ...func(object)) scenario {
		return scenario{name: name, kind: validating, hooks: one(change...), reply: always(object{"allowed": true}), requests: []request{create}}
	}
	raw := func(name string, write func(http.ResponseWriter)) scenario {
		return scenario{name: name, kind: validating, hooks: one(), reply: func(string, object) any { return write }, requests: []request{create}}
	}
	slow := func(name, policy string) scenario {
		return scenario{
			name: name, kind: validating, hooks: one(with("timeoutSeconds", 2), with("failurePolicy", policy)), requests: []request{create},
			reply: func(string, object) any {
				return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
			},
		}
	}
	service := func(name, service string) func(object) {
		return with("clientConfig", object{"service": object{"namespace": "default", "name": service, "path": "/x"}})
	}
	return []scenario{
		raw("http-500", func(w http.ResponseWriter) { http.Error(w, "broken", 500) }),
		raw("http-404", func(w http.ResponseWriter) { http.NotFound(w, &http.Request{}) }),
		raw("http-redirect", func(w http.ResponseWriter) { w.Header().Set("Location", "/other"); w.WriteHeader(302) }),
		raw("http-text", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "hello") }),
		raw("http-empty", func(http.ResponseWriter) {}),
		raw("http-status", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(409)
			_, _ = io.WriteString(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"busy","reason":"Conflict","code":409}`)
		}),
		fail("refused", with("clientConfig", object{"url": "https://127.0.0.1:1/x"})),
		fail("refused-ignored", with("clientConfig", object{"url": "https://127.0.0.1:1/x"}), with("failurePolicy", "Ignore")),
		fail("no-service", service("no-service", "missing")),
		fail("wrong-ca", func(w object) { delete(w["clientConfig"].(object), "caBundle") }),
		fail("bad-ca", func(w object) {
			w["clientConfig"].(object)["caBundle"] = base64.StdEncoding.EncodeToString([]byte("x"))
		}),
		slow("timeout", "Fail"),
		slow("timeout-ignored", "Ignore"),
	}
}

// requests shows what webhooks are asked.
func requests() []scenario {
	show := func(name, kind string, rules []any, requests ...request) scenario {
		return scenario{
			name: name, kind: kind, showCalls: true, reply: always(object{"allowed": true}), requests: requests,
			hooks: one(with("rules", rules)),
		}
	}
	return []scenario{
		show("request-create", mutating, rules("*", "", "v1", "configmaps"), create),
		show("request-generate", validating, rules("*", "", "v1", "configmaps"), request{"POST", configMaps + "?dryRun=All&fieldManager=me", `{"metadata":{"generateName":"generated-"}}`}),
		show("request-update", validating, rules("*", "", "v1", "configmaps"), create,
			request{"PUT", configMaps + "/cm", `{"metadata":{"name":"cm"},"data":{"a":"c"}}`},
			request{"PATCH application/merge-patch+json", configMaps + "/cm", `{"data":{"a":"d"}}`},
			request{"DELETE", configMaps + "/cm", `{"gracePeriodSeconds":0}`}),
		show("request-collection", validating, rules("DELETE", "", "v1", "configmaps"),
			request{"POST", configMaps, `{"metadata":{"name":"c1","labels":{"c":"d"}}}`}, request{"POST", configMaps, `{"metadata":{"name":"c2","labels":{"c":"d"}}}`},
			request{"DELETE", configMaps + "?labelSelector=c%3Dd", ""}),
		show("request-namespace", validating, rules("CREATE", "", "v1", "namespaces"), request{"POST", "/api/v1/namespaces?dryRun=All", `{"metadata":{"name":"ns"}}`}),
		show("request-scale", mutating, rules("*", "apps", "v1", "deployments/scale"), request{"POST", "/apis/apps/v1/namespaces/default/deployments", deployment},
			request{"PUT", "/apis/apps/v1/namespaces/default/deployments/d/scale", `{"metadata":{"name":"d","namespace":"default"},"spec":{"replicas":3}}`},
			request{"PATCH application/merge-patch+json", "/apis/apps/v1/namespaces/default/deployments/d/scale", `{"spec":{"replicas":4}}`}),
		show("request-status", validating, rules("*", "apps", "v1", "deployments/status"), request{"POST", "/apis/apps/v1/namespaces/default/deployments", deployment},
			request{"PATCH application/merge-patch+json", "/apis/apps/v1/namespaces/default/deployments/d/status", `{"status":{"replicas":4}}`}),
		show("request-exec", validating, rules("CONNECT", "", "v1", "pods/*"), request{"POST", "/api/v1/namespaces/default/pods/none/exec?command=ls&command=x&stdin=true&stdout=true", ""},
			request{"POST", "/api/v1/namespaces/default/pods/none/attach?container=c", ""}, request{"POST", "/api/v1/namespaces/default/pods/none/portforward?ports=80", ""},
			request{"GET", "/api/v1/namespaces/default/pods/none/proxy/some/path?q=1", ""}, request{"GET", "/api/v1/namespaces/default/pods/none/log", ""}),
		show("request-eviction", validating, rules("*", "", "v1", "pods/eviction"), request{"POST", "/api/v1/namespaces/default/pods/none/eviction", `{"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"none"}}`}),
		show("request-review", validating, rules("*", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"),
			request{"POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews?dryRun=All", `{"spec":{"nonResourceAttributes":{"path":"/x","verb":"get"}}}`}),
		{
			name: "request-v1beta1", kind: mutating, showCalls: true, reply: always(object{"allowed": true}), requests: []request{create},
			hooks: one(with("admissionReviewVersions", []any{"v0", "v1beta1", "v1"})),
		},
	}
}

const (
	deployment = `{"metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`
	scaler     = `{"metadata":{"name":"h"},"spec":{"maxReplicas":3,"scaleTargetRef":{"kind":"Deployment","name":"d"},"targetCPUUtilizationPercentage":50}}`
)

func matches() []scenario {
	v1 := request{"POST", "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers", scaler}
	event := request{"POST", "/api/v1/namespaces/default/events", `{"metadata":{"name":"e"},"involvedObject":{"namespace":"default"},"reason":"R"}`}
	allow := always(object{"allowed": true})
	condition := func(name, expression, policy string) scenario {
		return scenario{
			name: name, kind: validating, reply: allow, requests: []request{create},
			hooks: one(with("failurePolicy", policy), with("matchConditions", []any{object{"name": "first", "expression": expression}})),
		}
	}
	seen := func(path string, _ object) any {
		if path == "/b" {
			return patch(`[{"op":"add","path":"/metadata/labels","value":{"b":"b"}}]`)
		}
		return object{"allowed": true}
	}
	again := with("reinvocationPolicy", "IfNeeded")
	return []scenario{
		{name: "equivalent", kind: mutating, showCalls: true, hooks: one(with("rules", rules("*", "autoscaling", "v2", "horizontalpodautoscalers"))), requests: []request{v1},
			reply: always(patch(`[{"op":"add","path":"/spec/behavior","value":{"scaleUp":{"stabilizationWindowSeconds":7}}}]`))},
		{name: "equivalent-group", kind: validating, showCalls: true, hooks: one(with("rules", rules("*", "events.k8s.io", "v1", "events"))), requests: []request{event}, reply: allow},
		{name: "exact", kind: validating, hooks: one(with("matchPolicy", "Exact"), with("rules", rules("*", "autoscaling", "v2", "horizontalpodautoscalers"))), requests: []request{v1}, reply: allow},
		{name: "scope", kind: validating, hooks: one(func(w object) { w["rules"].([]any)[0].(object)["scope"] = "Cluster" }), requests: []request{create}, reply: allow},
		{name: "namespace-selector", kind: validating, hooks: one(with("namespaceSelector", object{"matchLabels": object{"no": "such"}})), requests: []request{create}, reply: allow},
		{name: "exempt", kind: validating, hooks: one(with("rules", rules("*", "*", "*", "*/*"))), reply: always(object{"allowed": false}),
			requests: []request{{"POST", "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations?dryRun=All", `{"metadata":{"name":"x"}}`}}},
		condition("condition-true", "object.metadata.name == 'cm' && request.operation == 'CREATE' && oldObject == null", "Fail"),
		condition("condition-false", "request.userInfo.username == 'nobody'", "Fail"),
		condition("condition-error", "object.nothing == 'x'", "Fail"),
		condition("condition-error-ignored", "object.nothing == 'x'", "Ignore"),
		condition("condition-authorizer", "authorizer.group('').resource('configmaps').namespace('default').check('get').allowed()", "Fail"),
		{name: "reinvoked", kind: mutating, reply: seen, requests: []request{create},
			hooks: func(h *hookServer) []object {
				return []object{h.webhook("/a", again), h.webhook("/b", again), h.webhook("/c")}
			}},
		{name: "not-reinvoked", kind: mutating, reply: seen, requests: []request{create},
			hooks: func(h *hookServer) []object { return []object{h.webhook("/a"), h.webhook("/b"), h.webhook("/c")} }},
		{name: "dry-run", kind: mutating, reply: allow, hooks: one(with("sideEffects", "NoneOnDryRun")), showCalls: true, requests: []request{{"POST", configMaps + "?dryRun=All", configMap}}},
	}
}
