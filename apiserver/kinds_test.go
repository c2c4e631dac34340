package apiserver

import (
	"net/http"
	"strings"
	"testing"
)

// The label is the name, also of a namespace whose name the server makes up.
func TestNamespaceWithGeneratedNameIsLabelled(t *testing.T) {
	ts := newServer(t)
	made := ts.post("/api/v1/namespaces", `{"metadata":{"generateName":"gen-"}}`).wants(201).object()
	if label := made.GetLabels()["kubernetes.io/metadata.name"]; label == "" || label != made.GetName() {
		t.Errorf("namespace %s is labelled %q", made.GetName(), label)
	}
}

// Nobody collects what depends on an event or a definition.
func TestPropagationMeansNothingToEvents(t *testing.T) {
	ts := newServer(t)
	const events = "/api/v1/namespaces/default/events"
	for _, policy := range []string{"Foreground", "Orphan"} {
		ts.post(events, `{"metadata":{"name":"e"},"involvedObject":{"kind":"Pod","name":"p","namespace":"default"}}`).wants(201)
		ts.delete(events+"/e", `{"propagationPolicy":"`+policy+`"}`).wants(200).says("Success")
		ts.get(events + "/e").wants(404)
	}
}

// Who deletes jobs hears of their pods, whether or not there is a job.
func TestDeletionOfJobsWarns(t *testing.T) {
	ts := newServer(t)
	const jobs = "/apis/batch/v1/namespaces/default/jobs"
	warned := func(path, body string, code int) bool {
		return len(ts.delete(path, body).wants(code).header.Values("Warning")) > 0
	}
	for path, code := range map[string]int{jobs + "/none": http.StatusNotFound, jobs: http.StatusOK} {
		if !warned(path, "", code) {
			t.Errorf("no warning for %s", path)
		}
		if warned(path, `{"propagationPolicy":"Background"}`, code) {
			t.Errorf("a warning for %s with a policy", path)
		}
	}
}

// What is said of a field that nothing can be selected by differs from kind to kind.
func TestWordsOfFieldsThatAreNotKnown(t *testing.T) {
	ts := newServer(t)
	for path, says := range map[string]string{
		"/api/v1/namespaces?fieldSelector=metadata.namespace%3Da":                      "field label not supported: metadata.namespace",
		"/api/v1/nodes?fieldSelector=metadata.namespace%3Da":                           "field label not supported: metadata.namespace",
		"/apis/batch/v1/jobs?fieldSelector=spec%3Da":                                   `field label \"spec\" not supported for Job`,
		"/apis/resource.k8s.io/v1/resourceslices?fieldSelector=metadata.namespace%3Da": "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: metadata.namespace",
	} {
		ts.get(path).wants(400).says(says)
	}
	ts.get("/api/v1/persistentvolumes?fieldSelector=metadata.namespace%3Da").wants(200)
}

// An update of a lease may bring finalizers of any name, as upstream's may; a creation may not.
func TestFinalizersThatAreNotLookedAt(t *testing.T) {
	ts := newServer(t)
	const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
	ts.post(leases, `{"metadata":{"name":"l","finalizers":["odd"]}}`).wants(422)
	ts.post(leases, `{"metadata":{"name":"l"}}`).wants(201)
	ts.put(leases+"/l", `{"metadata":{"name":"l","finalizers":["odd"],"resourceVersion":"`+ts.get(leases+"/l").object().GetResourceVersion()+`"}}`).wants(200)
	ts.post(configMaps, configMap("one")).wants(201)
	ts.patch(mergePatch, configMaps+"/one", `{"metadata":{"finalizers":["odd"]}}`).wants(422)
}

// The generation of a daemon set's template is of its specification, whatever annotations come with a status.
func TestStatusKeepsTheGenerationOfTheTemplate(t *testing.T) {
	ts := newServer(t)
	const sets, generation = "/apis/apps/v1/namespaces/default/daemonsets", `"deprecated.daemonset.template.generation":"1"`
	ts.post(sets, `{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}}`).
		wants(201).says(generation)
	ts.put(sets+"/d/status", `{"metadata":{"name":"d"},"status":{"currentNumberScheduled":1,"numberMisscheduled":0,"desiredNumberScheduled":1,"numberReady":1}}`).wants(200).says(generation)
	ts.patch(mergePatch, sets+"/d/status", `{"metadata":{"annotations":{"deprecated.daemonset.template.generation":"7"}}}`).wants(200).says(generation)
}

// The types of a pod's conditions are qualified names, and a volume's status keeps when its phase began.
func TestStatusOfPodsAndVolumes(t *testing.T) {
	ts := newServer(t)
	ts.post(podsPath, pod("p")).wants(201)
	ts.patch(mergePatch, podsPath+"/p/status", `{"status":{"conditions":[{"type":"a b","status":"True"}]}}`).wants(422).says("status.conditions[0].Type")

	const volumes = "/api/v1/persistentvolumes"
	ts.post(volumes, `{"metadata":{"name":"v"},"spec":{"capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOnce"],"hostPath":{"path":"/x"}}}`).wants(201)
	ts.patch(mergePatch, volumes+"/v/status", `{"status":null}`).wants(200).says("lastPhaseTransitionTime")
}

// A definition and a namespace say in the words of the store that they are not those that a deletion is meant for.
func TestWordsOfPreconditions(t *testing.T) {
	ts := newServer(t)
	ts.post("/api/v1/namespaces", `{"metadata":{"name":"n"}}`).wants(201)
	ts.delete("/api/v1/namespaces/n", `{"preconditions":{"uid":"x"}}`).wants(409).says(`Operation cannot be fulfilled on namespaces \"n\": Precondition failed: UID in precondition: x, UID in object meta: `)
}

// A bound claim whose requests are taken away is refused: it took down the handler.
func TestClaimWithoutRequestsIsRefused(t *testing.T) {
	ts := newServer(t)
	const claims = "/api/v1/namespaces/default/persistentvolumeclaims"
	ts.post(claims, `{"metadata":{"name":"c"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}`).wants(201)
	ts.patch(mergePatch, claims+"/c/status", `{"status":{"phase":"Bound","capacity":{"storage":"1Gi"}}}`).wants(200)
	ts.patch(mergePatch, claims+"/c", `{"spec":{"resources":{"requests":null}}}`).wants(422).says("spec.resources[storage]").says("spec is immutable after creation except")
	for status, says := range map[string]string{
		`{"capacity":{"storage":"-1"}}`:                   "status.capacity[storage]: Invalid value: -1",
		`{"allocatedResources":{"cpu":"1"}}`:              `status.allocatedResources: Unsupported value: \"cpu\"`,
		`{"allocatedResources":{"/foo":"1"}}`:             `status.allocatedResources: Invalid value: \"/foo\": prefix part must be non-empty`,
		`{"allocatedResourceStatuses":{"storage":"Odd"}}`: "status.allocatedResourceStatuses: Unsupported value",
	} {
		ts.patch(mergePatch, claims+"/c/status", `{"status":`+status+`}`).wants(422).says(says)
	}
}

// A dry run shows the version that was sent, and labels a namespace of a generated name with what is right by then; a
// kind warns of itself only where it has what is asked for.
func TestWordsOfWhatIsNotThere(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps+"?dryRun=All", `{"metadata":{"name":"c","resourceVersion":"5"}}`).wants(201).says(`"resourceVersion":"5"`)
	if answer := ts.post("/api/v1/namespaces", `{"metadata":{"generateName":"Not Valid"}}`).wants(422); strings.Contains(string(answer.body), "metadata.labels") {
		t.Errorf("its label is refused, too: %s", answer.body)
	}
	named := ts.post("/api/v1/namespaces", `{"metadata":{"generateName":"gen-"}}`).wants(201).object()
	if got := named.GetLabels()["kubernetes.io/metadata.name"]; got != named.GetName() {
		t.Errorf("%s is labelled %q", named.GetName(), got)
	}
	const endpoints = "/api/v1/namespaces/default/endpoints"
	for path, warns := range map[string]bool{"/e": true, "/e/status": false, "/e/scale": false} {
		if got := len(ts.get(endpoints+path).wants(404).header.Values("Warning")) > 0; got != warns {
			t.Errorf("%s warns: %v", path, got)
		}
	}
	if answer := ts.do(http.MethodOptions, endpoints, "").wants(405); len(answer.header.Values("Warning")) > 0 {
		t.Errorf("OPTIONS is warned of: %v", answer.header)
	}
}

// What is left empty without a field of a feature that is off goes with it, and what is asked for a pod as a whole needs
// processors or memory only for huge pages.
func TestWhatOnlyFeaturesThatAreOffNeed(t *testing.T) {
	ts := newServer(t)
	for lifecycle, kept := range map[string]bool{`{"stopSignal":"SIGUSR1"}`: false, `{"stopSignal":"SIGUSR1","preStop":{"sleep":{"seconds":1}}}`: true} {
		answer := ts.post(podsPath+"?dryRun=All", `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i","lifecycle":`+lifecycle+`}]}}`).wants(201)
		if strings.Contains(string(answer.body), `"lifecycle":`) != kept {
			t.Errorf("%s: %s", lifecycle, answer.body)
		}
	}
	for asked, needs := range map[string]bool{`"ephemeral-storage":"1Gi"`: false, `"hugepages-2Mi":"2Mi"`: true} {
		answer := ts.post(podsPath, `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}],"resources":{"requests":{`+asked+`},"limits":{`+asked+`}}}}`).wants(422)
		if strings.Contains(string(answer.body), "HugePages require cpu or memory") != needs {
			t.Errorf("%s: %s", asked, answer.body)
		}
	}
}

// What belongs to features that are off is left out of pods and of templates of pods.
func TestFieldsOfFeaturesThatAreOffAreLeftOut(t *testing.T) {
	ts := newServer(t)
	const spec = `{"schedulingGroup":{"podGroupName":"g"},"containers":[{"name":"c","image":"i","lifecycle":{"stopSignal":"SIGUSR1","preStop":{"sleep":{"seconds":1}}}}],
		"volumes":[{"name":"v","projected":{"sources":[{"clusterTrustBundle":{"signerName":"a.b/c","path":"p"}},{"podCertificate":{"signerName":"a.b/c","keyType":"ED25519","credentialBundlePath":"q"}}]}}]}`
	for _, answer := range []*answered{
		ts.post(podsPath, `{"metadata":{"name":"p"},"spec":`+spec+`}`).wants(201),
		ts.post("/apis/apps/v1/namespaces/default/deployments", `{"metadata":{"name":"d"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":`+spec+`}}}`).wants(201),
	} {
		for _, field := range []string{`"schedulingGroup":`, `"stopSignal":`, `"clusterTrustBundle":`, `"podCertificate":`} {
			if strings.Contains(string(answer.body), field) {
				t.Errorf("%s is kept: %s", field, answer.body)
			}
		}
	}
}

// What is exported no more is refused wherever it is not explicitly unwanted.
func TestExportIsNoMore(t *testing.T) {
	ts := newServer(t)
	for query, code := range map[string]int{"export": 400, "export=yes": 400, "export=F": 400, "export=0": 404, "export=FALSE": 404, "other": 404} {
		ts.get(configMaps + "/none?" + query).wants(code)
	}
}
