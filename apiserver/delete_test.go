package apiserver

import (
	"strings"
	"testing"
)

const podsPath = "/api/v1/namespaces/default/pods"

func pod(name string) string {
	return `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"` + name + `"},"spec":{"containers":[{"name":"c","image":"i"}]}}`
}

func bindTo(pod, node string) string {
	return `{"apiVersion":"v1","kind":"Binding","metadata":{"name":"` + pod + `"},"target":{"kind":"Node","name":"` + node + `"}}`
}

func TestFinalizersHoldAnObject(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, `{"metadata":{"name":"held","finalizers":["example.com/x"]}}`).wants(201)
	ts.delete(configMaps+"/held", "").wants(200).says(`"deletionTimestamp"`)
	ts.patch(mergePatch, configMaps+"/held", `{"metadata":{"finalizers":["example.com/x","example.com/y"]}}`).wants(422).says("no new finalizers can be added")
	ts.patch(mergePatch, configMaps+"/held", `{"metadata":{"finalizers":null}}`).wants(200)
	ts.get(configMaps + "/held").wants(404)
}

func TestPropagationBecomesAFinalizer(t *testing.T) {
	ts := newServer(t)
	for policy, finalizer := range map[string]string{"Foreground": "foregroundDeletion", "Orphan": "orphan"} {
		ts.post(configMaps, configMap("one")).wants(201)
		ts.delete(configMaps+"/one", `{"propagationPolicy":"`+policy+`"}`).wants(200).says(finalizer)
		ts.patch(mergePatch, configMaps+"/one", `{"metadata":{"finalizers":null}}`).wants(200)
	}
	ts.post(configMaps, configMap("one")).wants(201)
	ts.delete(configMaps+"/one", `{"propagationPolicy":"Background"}`).wants(200).says("Success")
}

func TestPodsGoGracefullyOnceTheyHaveANode(t *testing.T) {
	ts := newServer(t)
	ts.post(podsPath, pod("waiting")).wants(201)
	ts.delete(podsPath+"/waiting", "").wants(200)
	ts.get(podsPath + "/waiting").wants(404)

	ts.post(podsPath, pod("bound")).wants(201)
	ts.post(podsPath+"/bound/binding", bindTo("bound", "n1")).wants(201)
	ts.post(podsPath+"/bound/binding", bindTo("bound", "n2")).wants(409).says(`already assigned to node \"n1\"`)
	ts.get(podsPath + "/bound").says(`"nodeName":"n1"`).says(`"PodScheduled"`)
	ts.delete(podsPath+"/bound", "").wants(200).says(`"deletionGracePeriodSeconds":30`)
	ts.delete(podsPath+"/bound", `{"gracePeriodSeconds":40}`).wants(200).says(`"deletionGracePeriodSeconds":30`)
	ts.delete(podsPath+"/bound", `{"gracePeriodSeconds":5}`).wants(200).says(`"deletionGracePeriodSeconds":5`)
	ts.delete(podsPath+"/bound", `{"gracePeriodSeconds":0}`).wants(200)
	ts.get(podsPath + "/bound").wants(404)
}

// Who watches a pod hears that it has no time left before it is gone, whether it was on its way, runs, waits for a node or is over. Of one
// that runs it is the node that hears: a forced deletion left the containers the time that the pod's description has. Of others it may be an
// operator that deletes the rest of a group with its first pod.
func TestForcedDeletionIsToldFirst(t *testing.T) {
	ts := newServer(t)
	for _, name := range []string{"going", "running", "waiting", "over"} {
		ts.post(podsPath, pod(name)).wants(201)
		if name != "waiting" {
			ts.post(podsPath+"/"+name+"/binding", bindTo(name, "n1")).wants(201)
		}
	}
	ts.patch("application/merge-patch+json", podsPath+"/over/status", `{"status":{"phase":"Succeeded"}}`).wants(200)
	ts.delete(podsPath+"/going", "").wants(200)
	for _, name := range []string{"going", "running", "waiting", "over"} {
		next := ts.watching(podsPath + "?watch=1&fieldSelector=metadata.name%3D" + name)
		next().wants(t, "ADDED", name)
		ts.delete(podsPath+"/"+name, `{"gracePeriodSeconds":0}`).wants(200).says(`"deletionGracePeriodSeconds":0`)
		for _, e := range []event{next().wants(t, "MODIFIED", name), next().wants(t, "DELETED", name)} {
			if grace := e.Object.GetDeletionGracePeriodSeconds(); grace == nil || *grace != 0 || e.Object.GetDeletionTimestamp() == nil {
				t.Errorf("%s %s with %v left", e.Type, name, grace)
			}
		}
	}
}

func TestPreconditionsHold(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	ts.delete(configMaps+"/one", `{"preconditions":{"uid":"another"}}`).wants(409).says("does not match the UID in record")
	ts.delete(configMaps+"/one?dryRun=All", "").wants(200)
	ts.get(configMaps + "/one").wants(200)
}

func TestNamespaceGoesWhenItsFinalizersAreGone(t *testing.T) {
	ts := newServer(t)
	ts.post("/api/v1/namespaces", `{"metadata":{"name":"n"}}`).wants(201).says(`"phase":"Active"`)
	ts.delete("/api/v1/namespaces/n", "").wants(200).says(`"phase":"Terminating"`)
	ts.put("/api/v1/namespaces/n/finalize", `{"metadata":{"name":"n"},"spec":{"finalizers":[]}}`).wants(200)
	ts.get("/api/v1/namespaces/n").wants(404)
}

func TestCollectionsAreDeletedBySelector(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, `{"metadata":{"name":"a","labels":{"x":"1"}}}`).wants(201)
	ts.post(configMaps, `{"metadata":{"name":"b"}}`).wants(201)
	ts.delete(configMaps+"?labelSelector=x%3D1", "").wants(200).says("ConfigMapList")
	ts.get(configMaps + "/a").wants(404)
	ts.get(configMaps + "/b").wants(200)
}

func TestEvictionSpendsTheBudget(t *testing.T) {
	ts := newServer(t)
	budgets := "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
	ts.post(podsPath, `{"metadata":{"name":"p","labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i"}]}}`).wants(201)
	ts.post(podsPath+"/p/binding", bindTo("p", "n1")).wants(201)
	ts.patch(mergePatch, podsPath+"/p/status", `{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}`).wants(200)
	ts.post(budgets, `{"metadata":{"name":"b"},"spec":{"minAvailable":1,"selector":{"matchLabels":{"a":"b"}}}}`).wants(201)
	status := func(allowed string) {
		t.Helper()
		ts.patch(mergePatch, budgets+"/b/status", `{"status":{"observedGeneration":1,"desiredHealthy":1,"currentHealthy":1,"expectedPods":1,"disruptionsAllowed":`+allowed+`}}`).wants(200)
	}
	status("0")
	ts.post(podsPath+"/p/eviction", `{"metadata":{"name":"p"}}`).wants(429).says("Cannot evict pod as it would violate the pod's disruption budget.")
	status("1")
	ts.post(podsPath+"/p/eviction", `{"metadata":{"name":"p"}}`).wants(201)
	ts.get(podsPath + "/p").says("EvictionByEvictionAPI").says("deletionTimestamp")
	ts.get(budgets + "/b").says(`"disruptionsAllowed":0`)
}

// An eviction that is meant for another pod, or for another state of it, leaves no trace in the pod; one that is meant
// for the state that there is, is not in its own way by what it says in the pod.
func TestEvictionKeepsItsPreconditions(t *testing.T) {
	ts := newServer(t)
	pod := ts.post(podsPath, `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}}`).wants(201).object()
	ts.post(podsPath+"/p/binding", bindTo("p", "n1")).wants(201)
	evict := func(preconditions string) *answered {
		return ts.post(podsPath+"/p/eviction", `{"metadata":{"name":"p"},"deleteOptions":{"preconditions":`+preconditions+`}}`)
	}
	evict(`{"uid":"another"}`).wants(409)
	evict(`{"resourceVersion":"` + pod.GetResourceVersion() + `"}`).wants(409)
	before := ts.get(podsPath + "/p").wants(200)
	if strings.Contains(string(before.body), "DisruptionTarget") {
		t.Errorf("a pod that is not evicted: %s", before.body)
	}
	evict(`{"uid":"` + string(pod.GetUID()) + `","resourceVersion":"` + before.object().GetResourceVersion() + `"}`).wants(201)
	ts.get(podsPath + "/p").wants(200).says("EvictionByEvictionAPI").says("deletionTimestamp")
}
