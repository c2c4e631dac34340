package apiserver

import (
	"testing"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

func TestAnAppliedScaleOwnsTheReplicas(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = &fieldmanager.Generic{Scheme: apis.NewScheme()} })
	const deployments, apply = "/apis/apps/v1/namespaces/default/deployments", "application/apply-patch+yaml"
	const scale = deployments + "/d/scale?fieldManager="
	ts.post(deployments+"?fieldManager=maker", `{"metadata":{"name":"d"},"spec":{"replicas":1,"selector":{"matchLabels":{"a":"b"}},`+
		`"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}`).wants(201)
	three := `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replicas":3}}`
	ts.patch(apply, scale+"me", three).wants(409).says(`conflict with \"maker\" using autoscaling/v1: .spec.replicas`)
	ts.patch(apply, scale+"me&force=true", three).wants(200).says(`"replicas":3`).says(`"kind":"Scale"`)
	ts.get(deployments + "/d").wants(200).says(`"manager":"me","operation":"Apply"`).says(`"subresource":"scale"`).says(`"generation":2`)
	ts.patch(apply, scale+"me", `{"spec":{"replicas":1}}`).wants(400).says("invalid object type: /, Kind=")
	ts.patch(apply, scale+"me", `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replica":1}}`).wants(500).
		says("(/d; autoscaling/v1, Kind=Scale): .spec.replica: field not declared in schema")
	// controller-runtime applies a Scale that has no name: it is merged into one that has. A name that is empty, or of another, does not fit.
	unnamed := `{"apiVersion":"autoscaling/v1","kind":"Scale","spec":{"replicas":4}}`
	ts.patch(apply, scale+"me", unnamed).wants(200).says(`"replicas":4`).says(`"name":"d"`)
	ts.patch(apply, scale+"me", `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":""},"spec":{"replicas":4}}`).wants(400).says("name must be provided")
	ts.patch(apply, scale+"me", `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"namespace":"other"},"spec":{"replicas":4}}`).wants(400).
		says("the namespace of the provided object does not match")
	ts.patch(apply, deployments+"/d/scale", three).wants(422).says("fieldManager: Required value: is required for apply patch")
}

// A Scale is shown as a table of its own, or as metadata alone, as any other object.
func TestScalesAreShownInOtherForms(t *testing.T) {
	ts := newServer(t)
	const scale = "/apis/apps/v1/namespaces/default/deployments/d/scale"
	ts.post("/apis/apps/v1/namespaces/default/deployments", `{"metadata":{"name":"d"},"spec":{"replicas":7,"selector":{"matchLabels":{"a":"b"}},`+
		`"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"x"}]}}}}`).wants(201)
	const table = "application/json;as=Table;v=v1;g=meta.k8s.io"
	ts.get(scale, "Accept", table).wants(200).says(`"name":"Desired","type":"integer"`).says(`"cells":["d",7,0,"`).says(`"kind":"PartialObjectMetadata"`)
	ts.get(scale+"?includeObject=Object", "Accept", table).wants(200).says(`"kind":"Scale"`)
	ts.get(scale+"?includeObject=None", "Accept", table).wants(200).says(`"object":null`)
	ts.get(scale, "Accept", "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io").wants(200).says(`"kind":"PartialObjectMetadata"`)
}
