package apiserver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

const deployments = "/apis/apps/v1/namespaces/default/deployments"

func TestPatches(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	cases := []struct {
		why, kind, body string
		code            int
		says            string
	}{
		{"merge", mergePatch, `{"data":{"b":"2"}}`, 200, `"b":"2"`},
		{"merge with null removes", mergePatch, `{"data":{"b":null}}`, 200, `"data":{"a":"1"}`},
		{"json patch", "application/json-patch+json", `[{"op":"add","path":"/data/c","value":"3"}]`, 200, `"c":"3"`},
		{"failed test", "application/json-patch+json", `[{"op":"test","path":"/data/c","value":"4"}]`, 422, "the server rejected our request due to an error in our request"},
		{"strategic", "application/strategic-merge-patch+json", `{"metadata":{"labels":{"x":"y"}}}`, 200, `"x":"y"`},
		{"wrong type", mergePatch, `{"data":{"b":1}}`, 422, "cannot unmarshal number"},
		{"wrong type in a strategic patch", "application/strategic-merge-patch+json", `{"immutable":"x"}`, 422,
			`patch: Invalid value: \"map[immutable:x]\": unrecognized type: bool`},
		{"wrong name", mergePatch, `{"metadata":{"name":"two"}}`, 400, "does not match the name on the URL"},
		{"old version", mergePatch, `{"metadata":{"resourceVersion":"1"}}`, 409, "has been modified"},
		{"unknown kind of patch", "application/json", `{}`, 415, "Unsupported Media Type"},
	}
	for _, c := range cases {
		t.Run(c.why, func(*testing.T) { ts.patch(c.kind, configMaps+"/one", c.body).wants(c.code).says(c.says) })
	}
}

func TestPatchesThatCannotBeReadOfWhatIsNotThere(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	ts.post(deployments, `{"metadata":{"name":"web"},"spec":{"selector":{"matchLabels":{"a":"b"}},`+
		`"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}`).wants(201)
	const jsonPatch, strategicPatch = "application/json-patch+json", "application/strategic-merge-patch+json"
	many := "[" + strings.Repeat(`{"op":"remove","path":"/a"},`, 10000) + `{"op":"remove","path":"/a"}]`
	cases := []struct {
		kind, body, at, says string
		code                 int
	}{
		{mergePatch, `{`, configMaps, "error decoding patch: unexpected end of JSON input", 400},
		{jsonPatch, `{}`, configMaps, "cannot unmarshal object into Go value of type []handlers.jsonPatchOp", 400},
		{jsonPatch, many, configMaps, "The allowed maximum operations in a JSON patch is 10000, got 10001", 413},
		{strategicPatch, `[]`, configMaps, "json: cannot unmarshal array", 400},
		{mergePatch, `{`, deployments, "error decoding patch: unexpected end of JSON input", 400},
	}
	for _, c := range cases {
		there, missing := "/one", `configmaps \"none\" not found`
		nowhere := "/none"
		if c.at == deployments {
			there, nowhere, missing = "/web/scale", "/none/scale", `deployments.apps \"none\" not found`
		}
		ts.patch(c.kind, c.at+there, c.body).wants(c.code).says(c.says)
		ts.patch(c.kind, c.at+nowhere, c.body).wants(404).says(missing)
	}
}

func TestApplyMergesAndFindsConflicts(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(s.Scheme) })
	apply := func(manager, replicas, force string) *answered {
		t.Helper()
		return ts.do(http.MethodPatch, deployments+"/web?fieldManager="+manager+"&force="+force, `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: `+replicas+`
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: c, image: nginx}]}
`, "Content-Type", "application/apply-patch+yaml")
	}
	first := apply("me", "2", "false").wants(201).says(`"manager":"me"`).object()
	if again := apply("me", "2", "false").wants(200).object(); again.GetResourceVersion() != first.GetResourceVersion() {
		t.Error("applying the same again changed the object")
	}
	apply("you", "3", "false").wants(409).says(`conflict with \"me\"`).says(".spec.replicas")
	apply("you", "3", "true").wants(200).says(`"replicas":3`)
}

// What an applied configuration cannot be made of is said in upstream's words.
func TestAppliedDataMustDecode(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(s.Scheme) })
	ts.patch("application/apply-patch+yaml", "/api/v1/namespaces/default/secrets/s?fieldManager=m", `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"a":"{{"}}`).wants(500).
		says("failed to convert new object (/s; /v1, Kind=Secret) to proper version: unable to convert unstructured object to /v1, Kind=Secret: error decoding from json: illegal base64 data at input byte 0")
}

// A condition without the field that is its key cannot be applied, and by no other way be stored.
func TestAppliedConditionsNeedTheirKey(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(s.Scheme) })
	const schema = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/a"
	apply := func(path, members string) *answered {
		t.Helper()
		return ts.patch("application/apply-patch+yaml", path+"?fieldManager=m",
			`{"apiVersion":"flowcontrol.apiserver.k8s.io/v1","kind":"FlowSchema","metadata":{"name":"a"},`+members+`}`)
	}
	const spec = `"spec":{"priorityLevelConfiguration":{"name":"global-default"},"matchingPrecedence":500}`
	const keyless, empty = `"status":{"conditions":[{"status":"True","reason":"r"}]}`, `"status":{"conditions":[{"type":"","status":"True","reason":"r"}]}`
	const omitted = `failed to create typed patch object (/a; flowcontrol.apiserver.k8s.io/v1, Kind=FlowSchema): .status.conditions: element 0: ` +
		`associative list with keys has an element that omits all key fields [\"type\"] (and doesn't have default values for any key fields)`
	apply(schema, spec+","+keyless).wants(500).says(omitted)
	apply(schema, spec).wants(201)
	apply(schema, spec+","+keyless).wants(500).says(omitted)
	apply(schema+"/status", keyless).wants(500).says(omitted)
	apply(schema+"/status", empty).wants(422).says("status.conditions[0].type: Required value")
	ts.patch(mergePatch, schema+"/status", "{"+keyless+"}").wants(422).says("status.conditions[0].type: Required value")
}

func TestWritersOfOneObjectAllSucceed(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	done := make(chan int)
	for range 4 {
		go func() {
			worst := 0
			for range 25 {
				worst = max(worst, ts.patch("application/json-patch+json", configMaps+"/one", `[{"op":"add","path":"/metadata/labels","value":{}}]`).code)
				worst = max(worst, ts.patch(mergePatch, configMaps+"/one", `{"data":{"b":"2"}}`).code)
			}
			done <- worst
		}()
	}
	for range 4 {
		if worst := <-done; worst != 200 {
			t.Errorf("a writer got %d", worst)
		}
	}
}
