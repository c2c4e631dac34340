package apiserver

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// Who is refused a media type hears of the forms that there are, in upstream's words.
func TestWordsOfMediaThatAreNotKnown(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	const meta = ";v=v1;g=meta.k8s.io"
	for _, c := range []struct{ path, accept, says string }{
		{"/one", "text/html", `406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf"`},
		{"", "text/html", `application/vnd.kubernetes.protobuf, application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"`},
		{"/one", "application/json;as=Foo", `"only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf"`},
		{"/one", "application/vnd.kubernetes.protobuf;as=Table" + meta, `"only the following media types are accepted: application/json`},
		{"/one", "application/json;as=PartialObjectMetadataList" + meta, `"you requested PartialObjectMetadataList, but the requested object is not a list (*core.ConfigMap)"`},
		{"", "application/json;as=PartialObjectMetadata" + meta, `"you requested PartialObjectMetadata, but the requested object is a list (*core.ConfigMapList)"`},
	} {
		answer := ts.get(configMaps+c.path, "Accept", c.accept).wants(http.StatusNotAcceptable).says(c.says)
		if got := answer.header.Get("Content-Type"); got != "application/json" {
			t.Errorf("%s is refused in %s", c.accept, got)
		}
	}
	for _, form := range []string{"Table", "PartialObjectMetadata"} {
		ts.get(configMaps+"/one", "Accept", "application/json;as="+form+";v=v1beta1;g=meta.k8s.io").wants(200).says(`"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1beta1"`)
	}
	ts.get(configMaps+"/one", "Accept", "application/json;as=PartialObjectMetadata"+meta).wants(200).says(`"apiVersion":"meta.k8s.io/v1"`)
}

// An empty list that is sent is answered as it will be read.
func TestEmptyListIsAnsweredAsNull(t *testing.T) {
	ts := newServer(t)
	const roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles"
	ts.post(roles+"?dryRun=All", `{"metadata":{"name":"r"},"rules":[]}`).wants(201).says(`"rules":null`)
	ts.post(roles, `{"metadata":{"name":"r"},"rules":[]}`).wants(201).says(`"rules":null`)
	ts.put(roles+"/r", `{"metadata":{"name":"r","labels":{"a":"b"}},"rules":[]}`).wants(200).says(`"rules":null`)
}

// The annotations that still name AppArmor profiles are warned of also when the pod is refused.
func TestRefusedPodIsWarnedOfAppArmor(t *testing.T) {
	ts := newServer(t)
	answer := ts.post("/api/v1/namespaces/default/pods", `{"metadata":{"name":"Not Valid!","annotations":{"container.apparmor.security.beta.kubernetes.io/a":"runtime/default"}},"spec":{"containers":[{"name":"a","image":"i"}]}}`).wants(422)
	const want = `299 - "metadata.annotations[container.apparmor.security.beta.kubernetes.io/a]: deprecated since v1.30; use the \"appArmorProfile\" field instead"`
	if got := answer.header.Values("Warning"); len(got) != 1 || got[0] != want {
		t.Errorf("warned %q, want %q", got, want)
	}
}

// What misses a variable that has no name is told beside that.
func TestPolicyWithoutNameOfItsVariable(t *testing.T) {
	ts := newServer(t)
	ts.post("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies", `{"metadata":{"name":"p"},"spec":{
		"matchConstraints":{"resourceRules":[{"apiGroups":["apps"],"apiVersions":["v1"],"operations":["CREATE"],"resources":["deployments"]}]},
		"variables":[{"expression":"1"}],"validations":[{"expression":"object.spec.replicas <= variables.a"}]}}`).
		wants(422).says(`spec.variables[0].name: Required value: name is not specified`).says(`undefined field 'a'`)
}

// A deletion of many answers with the page that it has deleted, as the objects were.
func TestDeletionOfManyListsThemAsTheyWere(t *testing.T) {
	ts := newServer(t)
	for _, name := range []string{"a", "b", "c"} {
		ts.post(configMaps, `{"metadata":{"name":"`+name+`","finalizers":["example.com/x"]}}`).wants(201)
	}
	answer := ts.delete(configMaps+"?limit=2", "").wants(200).says(`"continue":`).says(`"name":"b"`)
	if strings.Contains(string(answer.body), "deletionTimestamp") {
		t.Errorf("objects are shown as they are now: %s", answer.body)
	}
	ts.get(configMaps + "/b").wants(200).says("deletionTimestamp")
	if strings.Contains(string(ts.get(configMaps+"/c").wants(200).body), "deletionTimestamp") {
		t.Error("the next page was deleted, too")
	}
}

func TestAppliedConfigurationWithoutName(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(s.Scheme) })
	ts.patch("application/apply-patch+yaml", configMaps+"/one?fieldManager=m", `{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"b"}}`).
		wants(400).says("the name of the object (one based on URL) was undeterminable: name must be provided")
	ts.get(configMaps + "/one").wants(404)
}

func TestFaultsOfYAMLAreWarnedOfOneByOne(t *testing.T) {
	ts := newServer(t)
	answer := ts.do(http.MethodPost, configMaps, "metadata:\n  name: sent\ndata:\n  a: b\n  a: c\n  b: d\n  b: e\n", "Content-Type", "application/yaml").wants(201)
	want := []string{`299 - "line 5: key \"a\" already set in map"`, `299 - "line 7: key \"b\" already set in map"`}
	if diff := cmp.Diff(want, answer.header.Values("Warning")); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Tools such as kustomize write a namespace into everything that they send, also into what is in none.
func TestNamespaceOfWhatIsInNoneIsLeftOut(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(s.Scheme) })
	const roles = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
	const body = `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"r","namespace":"Any_"}}`
	for what, answer := range map[string]*answered{
		"created":     ts.post(roles, body).wants(201),
		"replaced":    ts.put(roles+"/r", body).wants(200),
		"patched":     ts.patch("application/merge-patch+json", roles+"/r", `{"metadata":{"namespace":"x"}}`).wants(200),
		"applied":     ts.patch("application/apply-patch+yaml", roles+"/r?fieldManager=m", body).wants(200),
		"applied new": ts.patch("application/apply-patch+yaml", roles+"/n?fieldManager=m", strings.Replace(body, `"r"`, `"n"`, 1)).wants(201),
	} {
		if of := answer.object().GetNamespace(); of != "" {
			t.Errorf("%s: in the namespace %q", what, of)
		}
	}
}

// A namespace is terminating when it was deleted, and active before.
func TestPhaseOfNamespaces(t *testing.T) {
	ts := newServer(t)
	const namespace, merge = "/api/v1/namespaces/n", "application/merge-patch+json"
	ts.post("/api/v1/namespaces", `{"metadata":{"name":"n","finalizers":["example.com/f"]}}`).wants(201)
	ts.patch(merge, namespace+"/status", `{"status":{"phase":"Terminating"}}`).wants(422).
		says("status.Phase: Invalid value: \\\"Terminating\\\": may only be 'Active' if `deletionTimestamp` is empty")
	ts.patch(merge, namespace+"/status", `{"status":null}`).wants(200).says(`"phase":"Active"`)
	ts.delete(namespace, "").wants(200).says(`"phase":"Terminating"`)
	ts.patch(merge, namespace+"/status", `{"status":null}`).wants(422).
		says("status.Phase: Invalid value: \\\"Active\\\": may only be 'Terminating' if `deletionTimestamp` is not empty")
}

// The class of a pod stays where a new status does not name it; another is refused.
func TestStatusOfPodWithoutItsClass(t *testing.T) {
	ts := newServer(t)
	const pods = "/api/v1/namespaces/default/pods"
	pod := func(status string) string {
		return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]},"status":` + status + `}`
	}
	ts.post(pods, pod(`{}`)).wants(201)
	ts.put(pods+"/p/status", pod(`{"phase":"Running"}`)).wants(200).says(`"phase":"Running"`).says(`"qosClass":"BestEffort"`)
	ts.patch("application/merge-patch+json", pods+"/p/status", `{"status":{"qosClass":null}}`).wants(200).says(`"qosClass":"BestEffort"`)
	ts.put(pods+"/p/status", pod(`{"qosClass":"Guaranteed"}`)).wants(422).says(`status.qosClass: Invalid value: \"Guaranteed\": field is immutable`)
}
